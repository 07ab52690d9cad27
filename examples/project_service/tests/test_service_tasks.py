"""Tasks by HTTP: what callers do with them, and what comes of it."""

import asyncio

import pytest

from vespera.domain.errors import AIServiceRefused, AIServiceUnavailable

TEXT = "A ship came in. The ship was late. Nobody knew why the ship was late."
ASKED = {"kind": "report", "title": "Ships", "text": TEXT}


async def ended(client, task):
    return await client.get(f"{task}/result", params={"wait": 30})


async def awaiting(client, task):
    """What the task waits for, once it does."""
    for _ in range(200):
        if awaits := (await client.get(task)).json()["awaits"]:
            return awaits
        await asyncio.sleep(0)
    raise AssertionError((await client.get(task)).text)


async def test_a_report_is_made_in_the_background(harbour, new_task, container):
    task = await new_task(text=TEXT)

    said = (await ended(harbour, task)).json()

    assert said["summary"] == "15 words in 3 sentences, 0.1 minutes to read"
    assert said["result"]["frequent"][0] == ["ship", 3]
    assert said["artifacts"] == ["report.md"]
    made = await harbour.get(f"{task}/artifacts/report.md")
    assert made.text.startswith("# Ships\n")
    stands = (await harbour.get(task)).json()
    assert (stands["status"], stands["project"], stands["kind"]) == (
        "completed",
        "harbour",
        "report",
    )


async def test_the_same_key_is_the_same_task(harbour):
    key = {"Idempotency-Key": "order-7"}

    first = await harbour.post("/projects/harbour/tasks", json=ASKED, headers=key)
    again = await harbour.post("/projects/harbour/tasks", json=ASKED, headers=key)
    other = await harbour.post("/projects/harbour/tasks", json={**ASKED, "title": "X"}, headers=key)
    without = await harbour.post("/projects/harbour/tasks", json=ASKED)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json()["id"] == first.json()["id"] != without.json()["id"]


async def test_the_same_key_in_another_project_is_another_task(harbour):
    await harbour.post("/projects", json={"name": "station", "title": "The station"})
    key = {"Idempotency-Key": "order-7"}

    here = await harbour.post("/projects/harbour/tasks", json=ASKED, headers=key)
    there = await harbour.post("/projects/station/tasks", json=ASKED, headers=key)

    assert (here.status_code, there.status_code) == (201, 201)


async def test_many_callers_with_one_key_make_one_task(harbour):
    key = {"Idempotency-Key": "order-7"}

    answers = await asyncio.gather(
        *[harbour.post("/projects/harbour/tasks", json=ASKED, headers=key) for _ in range(10)]
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", "with space", "x" * 201, "tést"])
async def test_keys_that_are_none_are_refused(harbour, key):
    headers = {"Idempotency-Key": key.encode("latin-1")}

    answer = await harbour.post("/projects/harbour/tasks", json=ASKED, headers=headers)

    assert answer.status_code == 422
    assert (await harbour.get("/projects/harbour/tasks")).json()["tasks"] == []


async def test_projects_do_not_see_each_other(harbour, new_task, new_talk):
    await harbour.post("/projects", json={"name": "station", "title": "The station"})
    tasks = [await new_task(), await new_talk("minutes"), await new_talk("review")]
    await ended(harbour, tasks[0])

    for task in tasks:
        elsewhere = task.replace("harbour", "station")
        answers = [
            await harbour.get(elsewhere),
            await harbour.get(f"{elsewhere}/result"),
            await harbour.get(f"{elsewhere}/events"),
            await harbour.get(f"{elsewhere}/artifacts/report.md"),
            await harbour.post(f"{elsewhere}/cancel"),
            await harbour.post(f"{elsewhere}/signals/note", json={"payload": "x"}),
            await harbour.post(f"{elsewhere}/approval", json={"approved": True}),
            await harbour.post(f"{elsewhere}/completion", json={"summary": "x"}),
        ]
        assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert (await harbour.get("/projects/station/tasks")).json()["tasks"] == []
    assert (await harbour.get(tasks[1])).json()["status"] != "cancelled"


async def test_pages_lead_to_the_last_task_while_others_come(harbour, new_task):
    made = [await new_task(title=f"t{number}") for number in range(5)]

    first = (await harbour.get("/projects/harbour/tasks?limit=2")).json()
    await new_task(title="newer")
    found = [task["links"]["self"] for task in first["tasks"]]
    after = first["next"]
    while after:
        there = "/projects/harbour/tasks"
        page = (await harbour.get(there, params={"limit": 2, "after": after})).json()
        found += [task["links"]["self"] for task in page["tasks"]]
        after = page["next"]

    assert found == made[::-1]


async def test_tasks_are_found_by_status_and_kind(harbour, new_task, new_talk):
    report, minutes = await new_task(), await new_talk("minutes")
    await ended(harbour, report)
    await awaiting(harbour, minutes)

    async def found(**search):
        answer = await harbour.get("/projects/harbour/tasks", params=search)
        return [task["links"]["self"] for task in answer.json()["tasks"]]

    assert await found(status=["completed", "failed"]) == [report]
    assert await found(kind="minutes") == [minutes]
    assert await found(order="oldest") == [report, minutes]
    for wrong in ({"kind": "project"}, {"status": "lost"}, {"after": "x"}, {"order": "up"}):
        answer = await harbour.get("/projects/harbour/tasks", params=wrong)
        assert answer.status_code == 422


async def test_there_are_no_tasks_where_there_is_no_project(caller):
    assert (await caller.get("/projects/nowhere/tasks")).status_code == 404
    assert (await caller.post("/projects/nowhere/tasks", json=ASKED)).status_code == 404


async def test_a_page_is_published_once_somebody_says_yes(harbour, new_task):
    task = await new_task(kind="publication", title="<Ships>", text=TEXT)

    question = await awaiting(harbour, task)
    waiting = await harbour.get(f"{task}/result")
    stored = await harbour.post(f"{task}/approval", json={"approved": True, "by": "<b>ann"})
    said = (await ended(harbour, task)).json()
    page = await harbour.get(f"{task}/artifacts/page.html")

    assert question == "Publish '<Ships>'? It says: It is about ships."
    assert (waiting.status_code, stored.status_code) == (202, 202)
    assert said["result"] == {"published": True, "by": "<b>ann", "comment": ""}
    assert "<h1>&lt;Ships&gt;</h1>" in page.text
    assert "&lt;b&gt;ann" in page.text
    assert page.headers["Content-Security-Policy"].startswith("sandbox")
    late = await harbour.post(f"{task}/approval", json={"approved": False})
    assert late.status_code == 409


async def test_no_page_is_published_if_somebody_says_no(harbour, new_task):
    task = await new_task(kind="publication")
    await awaiting(harbour, task)

    await harbour.post(f"{task}/approval", json={"approved": False, "comment": "too short"})
    said = (await ended(harbour, task)).json()

    assert (said["summary"], said["artifacts"]) == ("not published: too short", [])


async def test_nobody_says_yes_to_what_has_not_been_asked(harbour, new_task, new_talk):
    report, minutes = await new_task(), await new_talk("minutes")
    await awaiting(harbour, minutes)

    for task in (report, minutes):
        answer = await harbour.post(f"{task}/approval", json={"approved": True})
        assert answer.status_code == 409


async def test_a_meeting_is_written_down_note_by_note(harbour, new_talk):
    task = await new_talk("minutes")
    notes = [
        {"by": "ann", "text": "We begin."},
        "Only text.",
        {"by": "bob", "text": "We end.", "last": True},
    ]

    for number, note in enumerate(notes):
        for _ in range(2):  # the second is the same signal
            key = {"Idempotency-Key": f"n{number}"}
            there = f"{task}/signals/note"
            sent = await harbour.post(there, json={"payload": note}, headers=key)
            assert sent.status_code == 202 or number == 2

    said = (await ended(harbour, task)).json()
    made = await harbour.get(f"{task}/artifacts/minutes.md")
    assert said["result"] == 3
    assert made.text.splitlines()[2:] == [
        "* We begin. (ann)",
        "* Only text. (unnamed)",
        "* We end. (bob)",
    ]


async def test_signals_that_nobody_waits_for_are_refused(harbour, new_task, new_talk):
    minutes = await new_talk("minutes")

    for task, name, body, status in [
        (await new_task(), "note", {"payload": 1}, 409),
        (minutes, "other", {"payload": 1}, 409),
        (minutes, "note", {"more": 1}, 422),
    ]:
        answer = await harbour.post(f"{task}/signals/{name}", json=body)
        assert answer.status_code == status
    wrong = b'{"payload": [NaN]}'
    kind = {"Content-Type": "application/json"}
    answer = await harbour.post(f"{minutes}/signals/note", content=wrong, headers=kind)
    assert answer.status_code == 422


async def test_a_review_is_done_by_a_person(harbour, new_talk):
    task = await new_talk("review")
    while (await harbour.get(task)).json()["status"] in {"pending", "running"}:
        await asyncio.sleep(0)
    assert (await harbour.get(task)).json()["status"] == "assigned"
    assert (await harbour.get(f"{task}/result")).status_code == 202

    done = {"summary": "It is fine.", "next_action": "publish"}
    signed = await harbour.post(f"{task}/completion", json=done)
    again = await harbour.post(f"{task}/completion", json=done)
    other = await harbour.post(f"{task}/completion", json={"summary": "Not fine."})

    assert [signed.status_code, again.status_code, other.status_code] == [200, 200, 409]
    said = (await harbour.get(f"{task}/result")).json()
    assert (said["summary"], said["next_action"]) == ("It is fine.", "publish")


async def test_no_file_of_another_project_is_shown_by_naming_it(harbour, new_task, new_talk):
    await harbour.post("/projects", json={"name": "station", "title": "The station"})
    secret = await new_task("station")
    await ended(harbour, secret)
    review = await new_talk("review")
    while (await harbour.get(review)).json()["status"] != "assigned":
        await asyncio.sleep(0)

    there = f"{secret.strip('/').replace('/tasks', '')}/report.md"
    around = f"{review.strip('/').replace('/tasks', '')}/../../../{there}"
    done = {"summary": "Mine!", "artifacts": [there, around, "/etc/passwd"]}
    assert (await harbour.post(f"{review}/completion", json=done)).status_code == 200

    for name in ("report.md", "passwd", "..%2F..%2F..%2F" + there.replace("/", "%2F")):
        assert (await harbour.get(f"{review}/artifacts/{name}")).status_code == 404


async def test_nobody_signs_off_what_the_service_does(harbour, new_talk):
    answer = await harbour.post(f"{await new_talk('minutes')}/completion", json={"summary": "done"})

    assert answer.status_code == 409


async def test_a_task_is_called_off(harbour, new_task, new_talk):
    task, done = await new_talk("minutes"), await new_task()
    await ended(harbour, done)

    first = await harbour.post(f"{task}/cancel", json={"reason": "nobody came"})
    again = await harbour.post(f"{task}/cancel")
    late = await harbour.post(f"{done}/cancel")

    assert (first.json()["status"], again.json()["status"]) == ("cancelled", "cancelled")
    assert "nobody came" in first.json()["error"]
    assert late.status_code == 409
    result = await harbour.get(f"{task}/result")
    assert (result.status_code, result.json()["task_status"]) == (409, "cancelled")
    assert result.json()["task"] == task.rpartition("/")[2]


@pytest.mark.virtual_time
async def test_a_model_that_is_busy_is_asked_again(harbour, new_task, model):
    model.complete.side_effect = [AIServiceUnavailable("busy"), "It is about ships."]

    answer = await ended(harbour, await new_task(kind="summary"))

    assert answer.json().get("result") == "It is about ships.", answer.text
    assert model.complete.await_count == 2


async def test_a_task_that_fails_says_why(harbour, new_task, model):
    model.complete.side_effect = AIServiceRefused("not about ships")

    answer = await ended(harbour, await new_task(kind="summary"))

    assert answer.status_code == 409
    assert "AIServiceRefused: not about ships" in answer.json()["detail"]
    assert answer.json()["status"] == 409


async def test_a_file_that_somebody_has_removed_is_gone(harbour, new_task, workspace):
    task = await new_task()
    await ended(harbour, task)
    for made in workspace.rglob("report.md"):
        made.unlink()

    assert (await harbour.get(f"{task}/artifacts/report.md")).status_code == 410
    assert (await harbour.get(f"{task}/artifacts/other.md")).status_code == 404


async def test_tasks_of_many_callers_are_all_done(harbour, new_task):
    tasks = await asyncio.gather(*[new_task(title=f"t{n}") for n in range(20)])

    answers = await asyncio.gather(*[ended(harbour, task) for task in tasks])

    assert [answer.status_code for answer in answers] == [200] * 20
