"""talk doctor: what is installed, and what each missing thing unlocks."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from talkcli import __version__, console, options
from talkcli.engine.errors import MissingAsset

if TYPE_CHECKING:
    from talkcli.engine.installation import Finding


def run(json: options.Json = False) -> None:
    """Say what is installed, what is missing and how to get it.

    Ends with 0 when `talk animate` works as it is, with 4 when something that it needs is missing.

    \b
    Examples:
      talk doctor
      talk doctor --json
    """
    with console.step("Looking around"):
        from talkcli.engine.installation import findings

        answers = list(findings())
    lacking = [finding.name for finding in answers if finding.needed and finding.missing]
    if json:
        rows = [{**asdict(finding), "missing": finding.missing} for finding in answers]
        console.answer_json({"version": __version__, "works": not lacking, "lacking": lacking, "found": rows})
    else:
        console.answer(f"talk {__version__}, Python {platform.python_version()}, {platform.platform()}")
        for section in dict.fromkeys(finding.section for finding in answers):
            console.answer("")
            console.answer(f"{section}s" if section != "program" else "program")
            for finding in answers:
                if finding.section == section:
                    console.answer(_line(finding))
        console.answer("")
        if not lacking:
            console.answer("talk animate works.")
    if lacking:
        if json:
            raise typer.Exit(MissingAsset.exit_code)
        raise MissingAsset(
            f"talk animate lacks: {', '.join(lacking)}.", "See the lines marked 'missing' above."
        )


def _line(finding: Finding) -> str:
    if finding.missing:
        state = "missing" if finding.needed else "absent"
        return f"  {state:<8} {finding.name:<24} {finding.unlocks}: {finding.remedy}"
    return f"  {'ok':<8} {finding.name:<24} {finding.found}"
