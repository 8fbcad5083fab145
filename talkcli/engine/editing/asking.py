"""Asking a language model for a trajectory: any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from talkcli.engine.editing.trajectories import MOST_DEGREES, MOST_HERTZ, Trajectory, parse_trajectory
from talkcli.engine.errors import BadInput, BadUsage

LARGEST_REPLY = 1 << 20
"""Bytes."""

_TASK = f"""You direct the head of a person who speaks. Answer with one JSON object and nothing else.
Its keys are nod (down), turn (to the person's left) and tilt (left ear up); each holds a list of waves
{{"amplitude_deg": number, "hz": number, "phase": radians, "envelope": "const"|"rms"|"onset"|"beat",
"ramp": seconds}}.
The angle of an axis is the sum over its waves of amplitude_deg * envelope(t) * sin(2 pi hz t + phase).
rms follows the loudness; onset and beat are short pulses at those moments, which hz 0 and phase 1.5708 show
as they are. ramp is how long a wave takes to come and to go. The angles of an axis stay within
{MOST_DEGREES:g} degrees together, hz within {MOST_HERTZ:g}. People turn and nod a few degrees, rarely more
than 15."""


@dataclass(frozen=True)
class Server:
    url: str
    """Where the API begins: http://localhost:11434/v1; chat/completions is added."""
    model: str
    key: str | None = None
    """Sent as a bearer token."""
    timeout: float = 120.0
    """Seconds."""

    def __post_init__(self) -> None:
        if not re.match(r"https?://[^/\s]+", self.url):
            raise BadUsage(
                f"{self.url} is no address of a server.", "Give one such as http://localhost:11434/v1"
            )


def asked(server: Server, prompt: str, cues: Mapping[str, Any]) -> tuple[Trajectory, list[str]]:
    """The trajectory that a model gives for the words and the voice's cues, and what was cut of it.

    What it says is read as a user's file is; it is told once what was wrong. BadInput where it is wrong
    again, or the server does not answer.
    """
    wish = f"Style: {prompt or 'what suits the voice'}\nThe voice: {json.dumps(cues)}"
    messages = [{"role": "system", "content": _TASK}, {"role": "user", "content": wish}]
    reply = _reply(server, messages)
    try:
        return parse_trajectory(_bare(reply), f"The reply of {server.model}")
    except BadInput as error:
        again = {
            "role": "user",
            "content": f"{error.message} {error.hint} Answer with the JSON object alone.",
        }
        messages += [{"role": "assistant", "content": reply}, again]
    reply = _reply(server, messages)
    try:
        return parse_trajectory(_bare(reply), f"The second reply of {server.model}")
    except BadInput as error:
        raise BadInput(error.message, "Ask another model, or give --prompt without --llm.") from error


def _bare(reply: str) -> str:
    """What lies between the outermost braces: models like to add words and fences."""
    first, last = reply.find("{"), reply.rfind("}")
    return reply[first : last + 1] if first <= last and first >= 0 else reply


def _reply(server: Server, messages: list[dict[str, str]]) -> str:
    address = f"{server.url.rstrip('/')}/chat/completions"
    body = json.dumps({"model": server.model, "messages": messages, "temperature": 0.3, "stream": False})
    headers = {"Content-Type": "application/json"}
    if server.key:
        headers["Authorization"] = f"Bearer {server.key}"
    request = urllib.request.Request(address, body.encode(), headers)
    hint = "Check --llm, --llm-model and the key, or give --prompt without --llm."
    try:
        with urllib.request.urlopen(request, timeout=server.timeout) as response:
            answer = json.loads(response.read(LARGEST_REPLY))
        content = answer["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        with error:
            said = " ".join(error.read(300).decode("utf-8", "replace").split())
        raise BadInput(
            f"{address} answers {error.code} {error.reason}: {said or 'nothing'}.", hint
        ) from error
    except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise BadInput(f"{address} does not answer as it should: {reason}.", hint) from error
    except (KeyError, IndexError, TypeError) as error:
        raise BadInput(f"{address} answers, but with no message.", hint) from error
    if not isinstance(content, str):
        raise BadInput(f"{address} answers, but with no text.", hint)
    return content
