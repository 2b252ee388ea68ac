"""`trebuchet number` and `trebuchet cnam` as an operator runs them."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from trebuchet.cli.main import app

DATA = ("--data", "data")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [name for name in os.environ if name.startswith("TREBUCHET_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, *DATA])


def test_numbers_are_added_listed_and_removed() -> None:
    added = run("number", "add", "+1 (919) 555-0100", "--city", "Cary", "--state", "nc", "--zip", "27513")
    assert (added.exit_code, added.output) == (0, "1 number in stock\n")
    run("number", "add", "+18005550100", "--price", "2.00")
    listed = "+19195550100  local  Cary NC 27513  free\n+18005550100  toll-free  free\n"
    assert run("number", "list").output == listed
    assert run("number", "remove", "+18005550100").output == "+18005550100 is out of stock\n"
    assert run("number", "list").output == listed.splitlines(keepends=True)[0]
    assert run("number", "remove", "+18005550100").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("919555",),
        ("+0919",),
        ("+1919555010x",),
        ("+19195550100", "--state", "N1"),
        ("+19195550100", "--zip", "2751"),
        ("+19195550100", "--price", "cheap"),
        ("+18005550100", "--state", "NC"),
    ],
)
def test_numbers_that_are_refused(arguments: tuple[str, ...]) -> None:
    result = run("number", "add", *arguments)
    assert result.exit_code == 1 and result.output.startswith("trebuchet: ")
    assert (
        run("number", "list").output == "trebuchet: data/trebuchet.db: no database there; `trebuchet init` makes one\n"
    )


def test_numbers_are_imported() -> None:
    Path("numbers.csv").write_text("number,City,state,price\n+19195550100,Cary,NC,0.60\n+19195550101,,,\n")
    assert run("number", "import", "numbers.csv").output == "2 numbers in stock\n"
    assert run("number", "list").output == "+19195550100  local  Cary NC  free\n+19195550101  local  free\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("number,city\n+19195550100,Cary\nnope,Cary\n", "row 3: 'nope' is no E.164 number"),
        ("city\nCary\n", "the first line names the columns"),
        ("number,colour\n+19195550100,red\n", "the first line names the columns"),
        ("", "the first line names the columns"),
    ],
)
def test_imports_that_are_refused_change_nothing(content: str, complaint: str) -> None:
    Path("numbers.csv").write_text(content)
    result = run("number", "import", "numbers.csv")
    assert result.exit_code == 1 and complaint in result.output
    assert run("number", "list").exit_code == 1


def test_names_are_added_imported_and_listed() -> None:
    assert run("cnam", "add", "+19195550100", "OLD NAME").output == "1 name known\n"
    Path("names.csv").write_text("number,name\n+19195550100,ACME\n+19195550101,Müller\n")
    assert run("cnam", "import", "names.csv").output == "2 names known\n"
    assert run("cnam", "list").output == "+19195550100  ACME\n+19195550101  Müller\n"


@pytest.mark.parametrize(("number", "name"), [("919", "ACME"), ("+19195550100", " "), ("+19195550100", "x" * 257)])
def test_names_that_are_refused(number: str, name: str) -> None:
    assert run("cnam", "add", number, name).exit_code == 1
