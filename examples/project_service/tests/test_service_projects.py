"""Projects by HTTP."""

import asyncio


async def test_a_project_is_opened_once(caller):
    form = {"name": "harbour", "title": "The harbour"}

    first = await caller.post("/projects", json=form)
    again = await caller.post("/projects", json=form)
    other = await caller.post("/projects", json={**form, "title": "Another"})

    assert (first.status_code, first.headers["Location"]) == (201, "/projects/harbour")
    assert (again.status_code, again.json()) == (200, first.json())
    assert other.status_code == 409
    assert (await caller.get("/projects/harbour")).json() == first.json()


async def test_only_one_of_many_callers_opens_it(caller):
    form = {"name": "harbour", "title": "The harbour"}

    answers = await asyncio.gather(*[caller.post("/projects", json=form) for _ in range(8)])

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]


async def test_pages_lead_to_the_last_project(caller):
    names = [f"p{number}" for number in range(5)]
    for name in names:
        await caller.post("/projects", json={"name": name, "title": name})

    found, there = [], "/projects?limit=2"
    while there:
        answer = await caller.get(there)
        found += [each["name"] for each in answer.json()["projects"]]
        link = answer.headers.get("Link", "")
        assert bool(link) == bool(answer.json()["next"])
        there = link.partition(">")[0].lstrip("<")

    assert found == names[::-1]


async def test_what_is_not_there_is_not_found(caller):
    assert (await caller.get("/projects/harbour")).status_code == 404
    assert (await caller.post("/projects/harbour/close")).status_code == 404
    assert (await caller.get("/projects", params={"after": "nonsense"})).status_code == 422
    assert (await caller.get("/projects", params={"limit": 0})).status_code == 422


async def test_a_task_is_no_project(harbour, new_task):
    task = (await new_task()).rpartition("/")[2]

    assert (await harbour.get(f"/projects/{task}")).status_code == 404


async def test_a_closed_project_has_its_tasks_called_off_and_takes_no_more(harbour, new_talk):
    open_ended = [await new_talk("minutes") for _ in range(3)]
    review = await new_talk("review")

    closed = await harbour.post("/projects/harbour/close")
    again = await harbour.post("/projects/harbour/close")

    assert closed.json()["state"] == "closed"
    assert again.json() == closed.json()
    for task in (*open_ended, review):
        assert (await harbour.get(task)).json()["status"] == "cancelled"
    form = {"kind": "minutes", "title": "Late"}
    refused = await harbour.post("/projects/harbour/tasks", json=form)
    assert refused.status_code == 409
    assert "closed" in refused.json()["detail"]
    reopened = await harbour.post("/projects", json={"name": "harbour", "title": "The harbour"})
    assert (reopened.status_code, reopened.json()["state"]) == (200, "closed")
    assert (await harbour.get("/metrics")).json()["projects"] == {"open": 0, "closed": 1}
