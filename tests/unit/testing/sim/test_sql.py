from vespera.testing.sim.sql import described


def test_a_transaction_is_told_by_its_changes_and_their_first_texts():
    statements = [
        "BEGIN IMMEDIATE",
        "SELECT id FROM tasks WHERE id = 'a'",
        "INSERT INTO steps (task_id, name) VALUES ('a', 'charge', X'41', 'it''s', 'more')",
        "UPDATE tasks SET status='running' WHERE id = 'a'",
        "COMMIT",
    ]

    assert described(statements) == (
        "INSERT steps 'a' 'charge' 'it''s'; UPDATE tasks 'running' 'a'"
    )


def test_the_same_change_many_times_is_told_once():
    assert described(["DELETE FROM steps", "DELETE FROM steps"]) == "DELETE steps"


def test_a_transaction_without_changes_is_told_by_what_it_read():
    assert described(["BEGIN", "SELECT * FROM tasks WHERE id = 'a'"]) == "tasks 'a'"
    assert described(["BEGIN", "COMMIT"]) == ""


def test_long_texts_are_left_out():
    assert described([f"UPDATE notes SET text = '{'x' * 41}', name = 'n'"]) == "UPDATE notes 'n'"
