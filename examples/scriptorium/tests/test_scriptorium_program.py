"""The command: with a model by real HTTP, and killed in the middle."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scriptorium.cli import main
from scriptorium.model import HttpWritingModel
from scriptorium.offline import FIXTURES, PREMISE, said_to
from scriptorium.sessions import name_of
from vespera import ServiceGuard
from vespera.domain.errors import (
    AIServiceBadAnswer,
    AIServiceRateLimited,
    AIServiceRefused,
    AIServiceUnavailable,
)
from vespera.testing.servers import ModelServer

HOME = name_of(PREMISE)
EXAMPLES = Path(__file__).parents[2]


@pytest.fixture
def scriptorium(tmp_path):
    def call(*words):
        return CliRunner().invoke(main, ["--home", str(tmp_path), "--no-run-tests", *words])

    return call


def test_a_home_that_cannot_be_made_is_told_in_a_line(tmp_path):
    (tmp_path / "file").write_text("in the way")

    told = CliRunner().invoke(main, ["--home", str(tmp_path / "file/home"), "run"])

    assert told.exit_code == 1
    assert "Error: " in told.output
    assert "it cannot be made" in told.output


def test_a_session_with_an_outside_worker_from_the_first_word_to_the_last(scriptorium, tmp_path):
    begun = scriptorium("run", "--outside", "tester")
    assert begun.exit_code == 0, begun.output
    task = re.search(r"brief (\w+)", begun.output)[1]

    typed = f"python -m scriptorium --home {tmp_path} complete {task}"
    assert f"When it is done: {typed} --summary" in begun.output

    brief = scriptorium("brief", task)
    assert "Make these files" in brief.output

    too_early = scriptorium("complete", task, "--summary", "Done")
    assert too_early.exit_code == 1
    assert "test_wordtally.py: it was not created" in too_early.output

    source = (FIXTURES / "test_wordtally.py").read_bytes()
    (tmp_path / "workspace" / HOME / "test_wordtally.py").write_bytes(source)
    done = scriptorium("complete", task, "--summary", "Done")
    assert done.exit_code == 0, done.output
    assert f"* [x] **{PREMISE}**: completed" in done.output

    assert scriptorium("status").output == done.output
    assert "4 of 4 subtasks" in (tmp_path / f"{HOME}.html").read_text()
    assert "def tally" in (tmp_path / f"{HOME}.md").read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["run", "Something else"], "built-in premise"),
        (["--model-url", "http://127.0.0.1:9/v1", "run", "???"], "premise"),
        (["status"], "no session"),
        (["brief", "nothing"], "nothing"),
        (["complete", "nothing", "--summary", "x"], "nothing"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(scriptorium, words, why):
    said = scriptorium(*words)

    assert said.exit_code in {1, 2}
    assert why in said.output
    assert "Traceback" not in said.output


async def test_whoever_waits_for_a_model_that_is_down_is_told_so(tmp_path):
    nowhere = ModelServer()
    async with nowhere:
        url = nowhere.base_url
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scriptorium", "--home", tmp_path, "--model-url", url, "run"),
        cwd=EXAMPLES,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    told = (await process.stderr.readline()).decode()
    process.kill()
    await process.communicate()

    assert told.startswith("Call of model failed (1 of 3 times), and is tried again in 0.")


@pytest.fixture
async def server():
    async with ModelServer(api_key="secret") as server:
        yield server


@pytest.fixture
async def model(server):
    model = HttpWritingModel(url=server.base_url, name="any", key="secret", guard=ServiceGuard())
    await model.start()
    yield model
    await model.stop()


async def test_the_model_is_asked_by_http(server, model):
    server.chat.replies("Yes.")

    assert await model.write("Be brief", "Well?") == "Yes."
    said = [message["content"] for message in server.chat.requests[0].json["messages"]]
    assert said == ["Be brief", "Well?"]


async def test_its_bad_days_are_told_apart(server, model):
    server.chat.fails(429)
    with pytest.raises(AIServiceRateLimited, match="429"):
        await model.write("Be brief", "Well?")
    server.resets()
    with pytest.raises(AIServiceUnavailable):
        await model.write("Be brief", "Well?")
    server.chat.says_wrong_json()
    with pytest.raises(AIServiceBadAnswer):
        await model.write("Be brief", "Well?")
    server.chat.fails(400)
    with pytest.raises(AIServiceRefused, match="400"):
        await model.write("Be brief", "Well?")


async def run_killed_after(server, home, requests):
    """Start the command, and kill it when the model has been asked so often."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scriptorium", "--home", home, "--model-key", "secret"),
        *("--model-url", server.base_url, "run"),
        cwd=EXAMPLES,
        stdout=asyncio.subprocess.PIPE,
    )
    if requests:
        await server.received(requests)
        process.send_signal(signal.SIGKILL)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.chaos
async def test_killed_in_the_middle_and_run_again_it_goes_on(server, tmp_path):
    server.chat.answers(lambda request: said_to(request.json["messages"][0]["content"]))

    for requests in (1, 3, 5):
        assert (await run_killed_after(server, tmp_path, requests))[0] == -signal.SIGKILL
    status, said = await run_killed_after(server, tmp_path, None)

    assert status == os.EX_OK
    assert said.count("[x]") == 5
    assert len(server.requests) <= 5 + 3
