from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from tradedeck.ops.logfiles import Filter, Follower, backwards, tail


def line(number: int, **more: Any) -> bytes:
    return (
        orjson.dumps(
            {
                "at": f"2026-01-01T00:00:{number:02}Z",
                "level": "info",
                "process": "api",
                "event": f"e{number}",
                **more,
            }
        )
        + b"\n"
    )


def write(path: Path, *lines: bytes) -> None:
    with path.open("ab") as file:
        file.writelines(lines)


def test_the_newest_lines_of_all_processes_in_the_order_of_time(tmp_path: Path):
    write(tmp_path / "api.jsonl", line(1), line(3))
    write(tmp_path / "runner.jsonl", line(2), line(4, level="error"))
    found, truncated = tail(tmp_path, Filter(), 3)
    assert [item["event"] for item in found] == ["e2", "e3", "e4"]
    assert truncated
    assert [i["event"] for i in tail(tmp_path, Filter(level="warning"), 9)[0]] == ["e4"]
    assert [i["event"] for i in tail(tmp_path, Filter(process="api"), 9)[0]] == ["e1", "e3"]
    assert [i["event"] for i in tail(tmp_path, Filter(q="E2"), 9)[0]] == ["e2"]


def test_rotated_files_are_read_on(tmp_path: Path):
    write(tmp_path / "api.jsonl.2", line(1))
    write(tmp_path / "api.jsonl.1", line(2))
    write(tmp_path / "api.jsonl", line(3))
    assert [i["event"] for i in tail(tmp_path, Filter(), 9)[0]] == ["e1", "e2", "e3"]


def test_secrets_are_taken_out_again_and_cannot_be_searched_for(tmp_path: Path):
    write(tmp_path / "api.jsonl", line(1, password="hunter2"), b"Bearer abcdefghijkl plain\n")
    found, _ = tail(tmp_path, Filter(), 9)
    assert "hunter2" not in str(found)
    assert "abcdefghijkl" not in str(found)
    assert tail(tmp_path, Filter(q="hunter2"), 9)[0] == []


def test_backwards_meets_the_edges_of_blocks(tmp_path: Path):
    path = tmp_path / "x"
    lines = [b"%d" % number * 50 for number in range(4_000)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert list(backwards(path, 10**9)) == lines[::-1]
    assert len(list(backwards(path, 1_000))) < 20


def test_a_follower_goes_on_across_rotation(tmp_path: Path):
    path = tmp_path / "api.jsonl"
    write(path, line(1))
    follower = Follower(tmp_path, Filter())
    assert follower.turn() == []
    write(path, line(2), line(3)[:10])
    assert [i["event"] for i in follower.turn()] == ["e2"]
    write(path, line(3)[10:])
    path.rename(tmp_path / "api.jsonl.1")
    write(path, line(4))
    write(tmp_path / "worker.jsonl", line(5, process="worker"))
    assert [i["event"] for i in follower.turn()] == ["e3", "e4", "e5"]
    assert follower.turn() == []


def test_a_file_emptied_by_hand_is_followed_from_its_beginning(tmp_path: Path):
    path = tmp_path / "api.jsonl"
    write(path, line(1), line(2))
    follower = Follower(tmp_path, Filter())
    path.write_bytes(line(7))
    assert [i["event"] for i in follower.turn()] == ["e7"]
