"""Files and classes stay short, and the check would notice."""

from pathlib import Path

from tools.sizes import CLASS_LINES, EXCEPTIONS, FILE_LINES, ROOT, mistakes, too_long


def test_the_limits_hold() -> None:
    assert mistakes(too_long(ROOT), EXCEPTIONS) == []


def test_every_exception_has_a_reason() -> None:
    assert all(EXCEPTIONS.values())


def test_a_long_file_and_a_long_class_are_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    lines = ["class Long:", *["    x = 1"] * CLASS_LINES, *["y = 2"] * (FILE_LINES - CLASS_LINES)]
    (folder / "long.py").write_text("\n".join(lines), "utf-8")
    (folder / "short.py").write_text("\n".join(["class Short:", *["    x = 1"] * (CLASS_LINES - 1)]), "utf-8")
    found = too_long(tmp_path, ("source",))
    assert found == {"source/long.py": FILE_LINES + 1, "source/long.py::Long": CLASS_LINES + 1}
    assert len(mistakes(found, ())) == 2
    assert mistakes(found, found) == []
    assert mistakes({}, ["source/short.py"]) == [
        "source/short.py: short enough, take it out of tools/sizes.py"
    ]
