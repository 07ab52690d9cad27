"""`vespera doctor` and `vespera config show`."""

import json
import re
import sqlite3

import pytest

from vespera.infrastructure.owners import LockFileOwners

JOB = """
    from vespera import Container, providers

    class Client:
        def __init__(self, *, api_key, url):
            pass

    class Working(Container):
        defaults = {
            "api_key": "hunter2",
            "api_url": "https://me:hunter2@host/",
            "durability": "normal",
            "concurrency": 3,
        }
        client = providers.Singleton(
            Client, api_key=Container.config.api_key, url=Container.config.api_url
        )

    async def main(container, input):
        container.get("database")
        await container.get("tasks").page()
"""


@pytest.fixture
def job(program):
    return program(JOB)


@pytest.fixture
def database(vespera, job, workspace):
    assert vespera("run", job).exit_code == 0
    return workspace / ".vespera" / "vespera.db"


def remarks(ran):
    return {(r["level"], r["about"]): r for r in json.loads(ran.stdout)["remarks"]}


class TestDoctor:
    def test_an_installation_in_order_is_exit_code_0(self, vespera, database):
        ran = vespera("doctor")

        assert (ran.exit_code, ran.stderr) == (0, "")
        assert re.search(r"^ok +python +CPython 3", ran.stdout, re.MULTILINE)
        assert re.search(rf"^ok +database +{database} \(revision", ran.stdout, re.MULTILINE)
        assert re.search(r"^0 errors, \d warnings?$", ran.stdout, re.MULTILINE)

    def test_the_version_of_sqlite_is_told_and_the_bug_warned_of(self, vespera, database):
        found = remarks(vespera("doctor", "--json"))

        level = "warning" if sqlite3.sqlite_version_info < (3, 51, 3) else "ok"
        assert found[level, "sqlite"]["text"].startswith(sqlite3.sqlite_version)

    def test_before_the_first_run_there_is_no_database_and_none_is_made(self, vespera, workspace):
        ran = vespera("doctor", "--json")

        assert ran.exit_code == 0
        assert "there is none yet" in remarks(ran)["note", "database"]["text"]
        assert list(workspace.iterdir()) == []

    def test_a_damaged_database_is_an_error_and_exit_code_1(self, vespera, database):
        database.write_text("nonsense " * 1000)

        ran = vespera("doctor")

        assert ran.exit_code == 1
        assert re.search(r"^error +database +.*damaged", ran.stdout, re.MULTILINE)
        assert "1 error," in ran.stdout

    def test_a_directory_that_is_open_to_others_is_warned_of(self, vespera, database):
        database.parent.chmod(0o755)

        ran = vespera("doctor")

        assert ran.exit_code == 0
        assert f"-> chmod 700 {database.parent}" in ran.stdout

    def test_lock_files_of_other_machines_are_warned_of(self, vespera, database):
        owners = database.with_name("vespera.db.owners")
        owners.mkdir(exist_ok=True)
        (owners / f"elsewhere-{'0' * 16}").touch()

        found = remarks(vespera("doctor", "--json"))

        assert found["warning", "leftovers"]["text"].startswith("1 lock file in")

    def test_lock_files_of_the_dead_are_warned_of(self, vespera, database, job):
        directory = database.with_name("vespera.db.owners")
        alive = LockFileOwners(directory)
        owner = alive.register()
        (directory / f"{owner.rpartition('-')[0]}-{'0' * 16}").touch()

        found = remarks(vespera("doctor", "--json"))

        assert found["warning", "leftovers"]["text"].startswith("1 lock file of dead workers")
        alive.leave(owner)

    def test_a_containers_own_durability_is_told(self, vespera, database, job):
        assert "durability" in {about for _, about in remarks(vespera("doctor", "--json"))}
        found = remarks(vespera("doctor", "--app", job, "--json"))

        assert found["note", "durability"]["text"].startswith("normal: ")

    def test_in_memory_there_is_nothing_to_keep(self, vespera):
        found = remarks(vespera("doctor", "--db", ":memory:", "--json"))

        assert "gone when the process ends" in found["note", "durability"]["text"]

    def test_a_name_that_cannot_be_shown_is_escaped(self, vespera, workspace):
        ran = vespera("doctor", "--db", workspace / "a\n\x1b[2J.db")

        assert "a\\n\\x1b[2J.db" in ran.stdout.replace("a \\x1b", "a\\n\\x1b")
        assert "\x1b" not in ran.stdout

    def test_a_database_that_cannot_be_is_wrong_usage(self, vespera):
        assert vespera("doctor", "--db", "postgres://a/b").exit_code == 2


class TestConfig:
    def test_each_setting_is_told_with_its_source(self, vespera, workspace):
        ran = vespera("config", "show")

        assert (ran.exit_code, ran.stderr) == (0, "")
        rows = [re.split(" {2,}", line) for line in ran.stdout.splitlines()]
        assert rows[0] == ["SETTING", "VALUE", "SOURCE"]
        assert ["concurrency", "10", "default (Container)"] in rows
        assert ["workspace", str(workspace), "flag (--workspace)"] in rows
        own = str(workspace / ".vespera" / "vespera.db")
        assert ["database_url", own, "default (command line)"] in rows
        assert ["stop_timeout", "10.0", "default (BaseContainer)"] in rows

    def test_a_variable_of_the_environment_is_told_by_its_name(self, vespera, monkeypatch):
        monkeypatch.setenv("VESPERA_DATABASE_URL", "other.db")

        told = json.loads(vespera("config", "show", "--json").stdout)["settings"]

        assert told["database_url"] == {
            "value": "other.db",
            "source": "environment",
            "from": "VESPERA_DATABASE_URL",
        }

    def test_a_flag_is_stronger_than_a_variable(self, vespera, monkeypatch):
        monkeypatch.setenv("VESPERA_DATABASE_URL", "other.db")

        ran = vespera("config", "show", "--db", "mine.db", "--json")

        told = json.loads(ran.stdout)["settings"]["database_url"]
        assert told == {"value": "mine.db", "source": "flag", "from": "--db"}

    def test_the_defaults_of_a_container_of_ones_own_are_told_without_secrets(self, vespera, job):
        ran = vespera("config", "show", "--app", job)
        told = json.loads(vespera("config", "show", "--app", job, "--json").stdout)

        assert "hunter2" not in ran.stdout + json.dumps(told)
        assert told["container"] == "Working"
        assert told["settings"]["concurrency"] == {
            "value": 3,
            "source": "default",
            "from": "Working",
        }
        assert told["settings"]["api_key"]["value"] == "(redacted)"
        assert told["settings"]["api_url"]["value"] == "https://me:(redacted)@host/"

    def test_nothing_is_made(self, vespera, workspace):
        vespera("config", "show")

        assert list(workspace.iterdir()) == []

    @pytest.mark.parametrize("words", [["config", "show"], ["doctor"], ["task", "list"]])
    def test_an_app_that_is_not_there_is_wrong_usage(self, vespera, words):
        ran = vespera(*words, "--app", "missing.py")

        assert ran.exit_code == 2
        assert "missing.py does not exist" in ran.stderr


def test_tasks_can_be_looked_at_through_a_container_of_ones_own(vespera, job, database):
    assert vespera("task", "list", "--app", job).exit_code == 0
    assert vespera("verify", "--app", job).exit_code == 0
    assert vespera("task", "show", "42", "--app", job).exit_code == 1
