from vespera.testing.headers import Headers


def test_fields_are_found_in_any_case():
    headers = Headers({"Content-Type": "text/plain"})

    assert headers["content-type"] == headers["CONTENT-TYPE"] == "text/plain"
    assert "content-Type" in headers
    assert headers.get("Retry-After") is None


def test_they_keep_the_case_they_came_in():
    headers = Headers({"Retry-After": "2", "X-A": "1"})

    assert list(headers) == ["Retry-After", "X-A"]
    assert repr(headers) == "Headers({'Retry-After': '2', 'X-A': '1'})"
    assert len(headers) == 2


def test_they_are_empty_by_default():
    assert not Headers()
    assert 1 not in Headers()
