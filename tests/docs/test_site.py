"""The site: built strictly, whole without a network, and a broken link stops it."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIRED = os.environ.get("CI", "").lower() in {"1", "true"}


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)],
        cwd=project,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.fixture(scope="module")
def mkdocs() -> None:
    if find_spec("material") is None:
        if REQUIRED:
            pytest.fail("MkDocs is required in CI: pip install '.[docs]'", pytrace=False)
        pytest.skip("MkDocs is not installed: the site was NOT built")


@pytest.fixture(scope="module")
def site(mkdocs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_there(site: Path) -> None:
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").glob("**/*.md")}
    pages -= {Path("decisions/0000-template.md")}
    assert [page for page in pages if not (site / page.with_suffix(".html")).exists()] == []


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """What a page loads by itself; links that people follow may lead anywhere."""
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]* src=\"?(https?:[^\"> ]+)|<link[^>]*stylesheet[^>]*(https?:[^\"> ]+)"
    )
    found = {str(page): loaded.findall(page.read_text("utf-8")) for page in site.glob("**/*.html")}
    assert {page: urls for page, urls in found.items() if urls} == {}


def test_the_asyncapi_document_can_be_looked_at(site: Path) -> None:
    page = (site / "asyncapi.html").read_text("utf-8")
    assert "com.easytrade.contract.create.v1" in page
    assert "dlq-reason" in page  # an example has headers, too; of a dead letter it has nothing else
    if (site / "assets/asyncapi.js").exists():
        assert "contracts.command-results" in (site / "asyncapi/document.js").read_text("utf-8")
        assert 'class="md-header' in (site / "asyncapi/viewer.html").read_text("utf-8")
    elif REQUIRED:
        pytest.fail("npm is required in CI: the site has no AsyncAPI viewer", pytrace=False)


def test_a_broken_link_stops_the_build(mkdocs: None, tmp_path: Path) -> None:
    for name in ("docs", "tools", "schemas", "devstack", "examples", "consumer", "tests"):
        ignored = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("mkdocs.yml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    with (tmp_path / "docs/tutorial.md").open("a") as page:
        page.write("\n[nowhere](no-such-page.md)\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    assert "no-such-page.md" in built.stderr + built.stdout


FRAMES = """<!doctype html><body><script>
const pages = %s, told = [];
async function look(page) {
  const frame = document.createElement("iframe");
  Object.assign(frame, {src: page, width: 1280, height: 800});
  const loaded = new Promise(resolve => frame.addEventListener("load", resolve));
  document.body.append(frame);
  await loaded;
  for (const width of [1280, 390]) {
    frame.width = width;
    await new Promise(resolve => setTimeout(resolve, 500));
    told.push(`${page} ${width} ${await verdict(frame.contentDocument, width)}`);
  }
  frame.remove();
}
async function verdict(there, width) {
  const empty = host => host && !host.shadowRoot?.querySelector("#drawn > *");
  const waiting = () => there.querySelector("pre.mermaid") || empty(there.getElementById("document"));
  for (let turn = 0; turn < 100 && waiting(); turn++)
    await new Promise(resolve => setTimeout(resolve, 50));
  const wide = there.documentElement.scrollWidth;
  const cut = width < 1000 ? null : [...there.querySelectorAll("pre > code")].find(
    code => code.scrollWidth > code.clientWidth + 1);
  return wide > width ? `is ${wide} wide` : waiting() ? "is not drawn"
    : cut ? `cuts ${cut.innerText.split("\\n").sort((a, b) => b.length - a.length)[0]}` : "fits";
}
(async () => {
  for (const page of pages) await look(page);
  document.body.innerText = told.join("\\n");
})();
</script></body>"""


def test_every_page_fits_a_telephone_and_a_screen(site: Path) -> None:
    """In Chromium: nothing is wider than the window, and no code is cut off on a screen.

    Every diagram and the AsyncAPI document are drawn.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed: the pages were NOT looked at")
    if not (site / "assets/mermaid.js").exists():
        pytest.skip("npm gave no scripts: the pages were NOT looked at")
    pages = sorted(str(page.relative_to(site)) for page in site.glob("**/*.html") if page.name != "404.html")
    pages = [page for page in pages if not page.startswith("source/")]
    (site / "frames.html").write_text(FRAMES % json.dumps(pages))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += ["--virtual-time-budget=600000", f"--user-data-dir={site}/profile", "--dump-dom"]
    looked = subprocess.run(
        [chromium, *options, (site / "frames.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    told = [line for page in pages for line in re.findall(rf">{re.escape(page)} \d+ [^<]+", looked.stdout)]
    assert len(told) == 2 * len(pages), looked.stdout
    assert [line for line in told if not line.endswith("fits")] == []
