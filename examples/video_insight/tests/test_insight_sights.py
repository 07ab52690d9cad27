"""What a model says becomes a value; what is on disk becomes frames; what is drawn is seen."""

import pytest

from video_insight import films
from video_insight.answers import seconds_to_wait
from video_insight.errors import AnswerUnreadable, MediaUnreadable
from video_insight.frames import jpeg_of, read_picture, sample_video
from video_insight.media import find_media
from video_insight.offline_eye import seen_in
from video_insight.sights import (
    Detection,
    Moment,
    Sight,
    clock_time,
    sight_of,
    sight_of_answer,
    together,
)


def told(*detections: object, description: str = "A.") -> Sight:
    found = tuple(Detection(label=str(each)) for each in detections)
    return Sight(description=description, detections=found)


class TestWhatIsSaid:
    def test_json_is_read_with_its_boxes(self):
        sight = sight_of_answer(
            '{"description": "A cat.", "detections":'
            ' [{"label": " cat ", "confidence": 0.5, "box": [0.5, 0, 1, 0.5]}, "dog"]}'
        )

        assert sight.objects == ["cat", "dog"]
        assert sight.detections[0].confidence == 0.5
        assert sight.detections[0].box == (0.5, 0, 0.5, 0.5), "cut to the picture"

    @pytest.mark.parametrize("fence", ["```json\n", "```\n"])
    def test_a_fence_around_it_is_taken_off(self, fence):
        sight = sight_of_answer(fence + '{"description": "A cat.", "objects": ["cat"]}\n```\n')

        assert sight.objects == ["cat"]

    def test_plain_words_are_a_description(self):
        assert sight_of_answer(" A cat. ") == Sight(description="A cat.")

    @pytest.mark.parametrize(
        "box", ["wide", [1, 2, 3], [0, 0, 0, 1], [2, 2, 1, 1], [0, 0, True, 1]]
    )
    def test_a_box_that_makes_no_sense_is_left_out(self, box):
        found = {"label": "cat", "confidence": 3, "box": box}
        assert sight_of({"description": "A.", "objects": [found]}).detections == (
            Detection(label="cat"),
        )

    @pytest.mark.parametrize("content", [None, "", "  ", 7, '{"description": 7}', "{", '{"a": 1}'])
    def test_all_else_is_refused(self, content):
        with pytest.raises(AnswerUnreadable):
            sight_of_answer(content)


class TestTogether:
    def test_descriptions_come_in_order_and_repetitions_once(self):
        moments = [
            Moment(at=0.5, sight=told(description="A.")),
            Moment(at=1.0, sight=told(description="A.")),
            Moment(at=62.0, sight=told(description="B.")),
        ]

        assert together(moments).description == "0:00.5 A. 1:02.0 B."

    def test_each_kind_of_object_is_kept_where_it_is_surest(self):
        unsure = Sight(description="A.", detections=(Detection(label="cat", confidence=0.2),))
        sure = Sight(description="A.", detections=(Detection(label="cat", confidence=0.9),))

        [kept] = together([Moment(at=0, sight=unsure), Moment(at=1, sight=sure)]).detections

        assert kept.confidence == 0.9

    def test_of_nothing_nothing_was_seen(self):
        assert together([]).description == "Nothing was seen."

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(0, "0:00.0"), (4.46, "0:04.5"), (59.96, "1:00.0"), (3725, "1:02:05")],
    )
    def test_moments_are_told_as_people_tell_them(self, seconds, shown):
        assert clock_time(seconds) == shown


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "harbour.mp4"
    path.write_bytes(films.film(films.harbour, seconds=2.0))
    return path


class TestFrames:
    def test_they_are_from_the_middle_of_equal_parts(self, film):
        sampled = sample_video(film, most=4)

        assert [frame.at for frame in sampled.frames] == pytest.approx([0.25, 0.75, 1.25, 1.75])
        assert (sampled.width, sampled.height, sampled.codec) == (320, 180, "h264")
        assert (sampled.duration, sampled.frame_rate) == (2.0, 12.0)

    def test_a_video_of_few_frames_gives_each_once(self, tmp_path):
        path = tmp_path / "short.mp4"
        path.write_bytes(films.film(films.balloons, seconds=0.25))

        assert [frame.at for frame in sample_video(path, most=9).frames] == pytest.approx(
            [0, 1 / 12, 2 / 12], abs=0.001
        )

    def test_wide_frames_are_made_smaller(self, film):
        [frame] = sample_video(film, most=1, widest=100).frames

        assert (frame.width, frame.height) == (100, 56)
        assert read_size(frame.jpeg, film.with_suffix(".jpg")) == (100, 56)

    def test_what_can_be_read_of_a_damaged_video_is_used(self, film, tmp_path):
        data = bytearray(film.read_bytes())
        begin, end = data.index(b"mdat"), data.index(b"moov")
        middle = (begin + end) // 2
        data[middle : end - 4] = b"\x5a" * (end - 4 - middle)
        damaged = tmp_path / "damaged.mp4"
        damaged.write_bytes(data)

        assert 1 <= len(sample_video(damaged, most=6).frames) <= 6

    def test_a_video_that_was_cut_off_is_named(self, film, tmp_path):
        data = film.read_bytes()
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(data[: data.index(b"mdat") + 40])

        with pytest.raises(MediaUnreadable, match=r"cut\.mp4"):
            sample_video(cut)

    @pytest.mark.parametrize("content", [b"", b"noise" * 100, b"#EXTM3U\n#EXTINF:1,\nother.ts\n"])
    def test_what_is_no_video_is_named(self, tmp_path, content):
        (tmp_path / "odd.mp4").write_bytes(content)

        with pytest.raises(MediaUnreadable, match=r"odd\.mp4"):
            sample_video(tmp_path / "odd.mp4")

    def test_a_picture_is_read_whatever_its_format(self, tmp_path):
        (tmp_path / "still.png").write_bytes(films.picture(films.still_life))

        sampled = read_picture(tmp_path / "still.png")

        assert (sampled.codec, sampled.duration, len(sampled.frames)) == ("png", 0, 1)
        assert seen_in(sampled.frames[0].jpeg)["detections"][0]["label"] == "green rectangle"


def read_size(jpeg, path):
    path.write_bytes(jpeg)
    sampled = read_picture(path)
    return sampled.width, sampled.height


class TestTheEyeOnLoopback:
    def test_it_tells_colours_outlines_and_places(self):
        film = films.drawn(films.harbour(0.0))
        seen = seen_in(jpeg_of(film, 320, 180))

        assert [each["label"] for each in seen["detections"]] == [
            "yellow disc",
            "red triangle",
            "blue rectangle",
        ]
        left, top, width, height = seen["detections"][0]["box"]
        assert (left + width / 2, top + height / 2) == pytest.approx(
            (236 / 320, 34 / 180), abs=0.02
        )
        assert seen["description"].startswith("A yellow disc at the top right, ")

    def test_where_nothing_is_it_sees_nothing(self):
        grey = films.drawn([films.block(0, 0, 320, 180, films.SKY)])

        assert seen_in(jpeg_of(grey, 320, 180))["detections"] == []


class TestTheFolder:
    def test_videos_and_pictures_are_found_by_name_and_hidden_ones_are_not(self, tmp_path):
        for name in ("b.MP4", "a.png", "notes.txt", ".hidden.png", ".git/c.png", "deep/d.webm"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(name.encode())
        (tmp_path / "folder.mp4").mkdir()
        (tmp_path / "dangling.mp4").symlink_to("nowhere")

        found = find_media(tmp_path)

        assert [(each.name, each.is_video) for each in found] == [
            ("a.png", False),
            ("b.MP4", True),
            ("deep/d.webm", True),
        ]

    def test_other_content_is_another_task(self, tmp_path):
        path = tmp_path / "a.png"
        path.write_bytes(b"1")
        [first] = find_media(tmp_path)
        path.write_bytes(b"2")
        [second] = find_media(tmp_path)

        keys = {
            str(medium.request(model=model, frames=frames)["task_id"])
            for medium in (first, second)
            for model in ("m", "n")
            for frames in (1, 2)
        }

        assert len(keys) == 8
        assert first.slug != second.slug


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "-1"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        (
            {
                "Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT",
                "Date": "Fri, 31 Dec 1999 23:59:29 GMT",
            },
            30,
        ),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        (
            {
                "Retry-After": "Fri, 31 Dec 1999 23:59:59 -0000",
                "Date": "Fri, 31 Dec 1999 23:59:29 GMT",
            },
            30,
        ),
    ],
)
def test_how_long_to_wait_is_read_in_all_its_forms(headers, seconds):
    assert seconds_to_wait(headers) == seconds
