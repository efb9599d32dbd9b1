"""What MkDocs does besides: files that pages link to, scripts for offline use, the AsyncAPI page."""

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from schemas.asyncapi import asyncapi
from tools.website.assets import assets

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)((?:#[^)]*)?)\)")
SHIM = re.compile(r"<script src=\"?https://unpkg.com/iframe-worker/shim\"?>")
DIAGRAM = re.compile(r'<pre class="mermaid">.*?</pre>', re.DOTALL)
SHOWN = "source"
LANGUAGES = {".py": "python", ".json": "json", ".java": "java", ".sh": "sh", ".yml": "yaml", ".yaml": "yaml"}
LANGUAGES |= {".js": "javascript", ".go": "go"}

VIEWER = """---
hide: [toc]
---
# The AsyncAPI document

[What is in it, as a page](../asyncapi.md) · [asyncapi.json](asyncapi.json)

<div id="document"></div>
<script src="../assets/asyncapi.js"></script>
<script src="document.js"></script>
"""
DRAWN = """const host = document.getElementById("document").attachShadow({{mode: "open"}});
// Behind a shadow root the styles of the viewer and those of the site leave each other alone.
host.innerHTML = `<link rel="stylesheet" href="../assets/asyncapi.css"><style>
  :host {{ display: block; overflow-x: auto; background: #fff; color: #1a202c; border-radius: 4px; }}
  code::before, code::after {{ content: none !important; }}
  strong {{ display: inline-block; }}
</style><div id="drawn"></div>`;
AsyncApiStandalone.render({{schema: {document}, config: {{show: {{sidebar: false, errors: false}}}}}},
  host.getElementById("drawn"));
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Takes the scripts that can be had; lists the pages that the navigation does not name."""
    named = str(config.nav)
    others = sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name not in named)
    config.nav += [{"More": others}] if others else []
    unlisted = f"{named} decisions/0000-template.md"
    for title, folder in (("Runbooks", "runbooks"), ("Decisions", "decisions")):
        pages = sorted(f"{folder}/{page.name}" for page in (ROOT / "docs" / folder).glob("*.md"))
        config.nav.append({title: [page for page in pages if page not in unlisted]})
    config.extra["scripts"] = assets()
    if "mermaid.js" in config.extra["scripts"]:
        config.extra_javascript.append("assets/mermaid.js")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for each file of the project that a page links to, and the scripts."""
    linked: set[str] = set()
    for page in files.documentation_pages():
        linked |= {
            outside
            for link, _ in LINK.findall(page.content_string)
            if (outside := _outside(page.src_uri, link))
        }
    for name in sorted(linked):
        files.append(File.generated(config, _shown(name), content=_source_page(name)))
    for name, path in config.extra["scripts"].items():
        files.append(File.generated(config, f"assets/{name}", content=path.read_bytes()))
    document = asyncapi()
    files.append(File.generated(config, "asyncapi/asyncapi.json", content=json.dumps(document, indent=2)))
    if "asyncapi.js" in config.extra["scripts"]:
        drawn = DRAWN.format(document=json.dumps(document))
        files.append(File.generated(config, "asyncapi/document.js", content=drawn))
        files.append(File.generated(config, "asyncapi/viewer.md", content=VIEWER))
    files.append(File.generated(config, "asyncapi.md", content=_asyncapi_page(document, config)))
    files.append(File.generated(config, "changelog.md", content=_changelog()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lets links that leave docs/ lead to the pages made for them."""

    def rewritten(found: re.Match[str]) -> str:
        outside = _outside(page.file.src_uri, found[1])
        if outside is None:
            return found[0]
        return f"]({os.path.relpath(_shown(outside), PurePosixPath(page.file.src_uri).parent)}{found[2]})"

    return LINK.sub(rewritten, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A frame around each diagram, in which a wide one scrolls."""
    return DIAGRAM.sub(r'<div class="picture">\g<0></div>', html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The theme takes a script from the network, for searching without a server: here it is our copy."""
    copy = "search-from-files.js"
    depth = "../" * page.url.count("/")
    ours = f'<script src="{depth}assets/{copy}">' if copy in config.extra["scripts"] else "<script>"
    return SHIM.sub(ours, output)


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """The page for what is not found is only shown by servers: it needs no such script."""
    return SHIM.sub("<script>", output)


def _outside(page: str, link: str) -> str | None:
    """The path in the project of a link that leaves docs/."""
    path = os.path.normpath(f"docs/{PurePosixPath(page).parent}/{link}")
    return None if path.startswith("docs/") or page.startswith(SHOWN) or not (ROOT / path).exists() else path


def _shown(path: str) -> str:
    return f"{SHOWN}/{path}.md"


def _source_page(name: str) -> str:
    path = ROOT / name
    if path.is_dir():
        listed = "\n".join(
            f"- `{each.name}`" for each in sorted(path.iterdir()) if not each.name.startswith("_")
        )
        return f"# {name}/\n\n{listed}\n"
    text = path.read_text("utf-8")
    return (
        text
        if path.suffix == ".md"
        else f"# {name}\n\n````{LANGUAGES.get(path.suffix, 'text')}\n{text}````\n"
    )


def _changelog() -> str:
    """CHANGELOG.md, with links to the pages that it names."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    return re.sub(r"`?\bdocs/([\w/-]+\.md)\b`?", r"[\1](\1)", text)


def _asyncapi_page(document: Any, config: MkDocsConfig) -> str:
    lines = ["# AsyncAPI", "", document["info"]["description"], ""]
    if "asyncapi.js" in config.extra["scripts"]:
        lines += ["[Open the whole document](asyncapi/viewer.md){ .md-button .md-button--primary }", ""]
    lines += [
        "The document itself: [asyncapi.json](asyncapi/asyncapi.json), AsyncAPI 3.0.",
        "",
        "## Channels",
        "",
    ]
    lines += ["| topic | messages | what |", "| --- | --- | --- |"]
    for channel in document["channels"].values():
        messages = ", ".join(f"`{name}`" for name in channel["messages"])
        lines.append(f"| `{channel['address']}` | {messages} | {channel['description']} |")
    lines += ["", "## Messages", ""]
    for name, message in document["components"]["messages"].items():
        lines += [f"### {name}", "", f"{message['summary']}: `{message['name']}`", ""]
        for example in message.get("examples", [])[:1]:
            lines += ["```json", json.dumps(example, indent=2), "```", ""]
    return "\n".join(lines)
