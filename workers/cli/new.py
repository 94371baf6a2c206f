"""`countersign new NAME`: the two files and the test of a new scoped workflow."""

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import BadInput, Conflict
from workers.cli.common import out

TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    "workflow.py.txt": "workflows/{name}.py",
    "activities.py.txt": "activities/{name}.py",
    "test.py.txt": "tests/workflows/test_{name}.py",
}


def register(app: typer.Typer) -> None:
    app.command("new")(new)


def new(
    name: Annotated[str, typer.Argument(help="Lower case, such as standup or deal_scoring.")],
    folder: Annotated[Path, typer.Option(help="Where workflows/, activities/ and tests/ are.")] = Path(),
) -> None:
    """Write a new scoped workflow: two files and a test that passes."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,40}", name) or keyword.iskeyword(name):
        raise BadInput(
            f"{name!r} can't be a workflow's name.", subject=name, way_out="Use lower case letters, digits and _."
        )
    targets = {folder / path.format(name=name): TEMPLATES / template for template, path in FILES.items()}
    taken = next((target for target in targets if target.exists()), None)
    if taken:
        raise Conflict(f"{taken} is there already.", subject=name, way_out="Choose another name, or move the file.")
    for target, template in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        body = template.read_text().replace("NAME", name).replace("Name", "".join(map(str.title, name.split("_"))))
        target.write_text(body)
        out.print(f"wrote {target}")
    out.print(
        f'\nTry it: [bold]countersign run {name} "the subject"[/bold] (while `countersign up` runs; restart it first).'
    )
