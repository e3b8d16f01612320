"""The audit log over HTTP: checkpoint, proofs, the verdict, and the alarm when it breaks."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.deck import Deck, Wire, running, token
from tests.raw import untriggered
from tradedeck.audit import merkle, notes
from tradedeck.audit.types import Act, Action, Who
from tradedeck.identity.types import Role
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.witness.memory import Memory
from tradedeck.witness.process import look
from tradedeck.witness.sources import Api

WHO = Who("ada", "risk")


async def acts(deck: Deck, count: int) -> int:
    """Records; returns how many there are."""
    seq = 0
    for number in range(count):
        seq = (await deck.context.audit(Act(Action.FLATTEN, WHO, f"trader/{number}"))).seq
    return seq


async def good(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_checkpoint_holds_what_was_committed_and_is_signed(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            count = await acts(deck, 3)
            said = await good(client, "/audit/checkpoint")
            verifier = notes.parse_verifier(said["key"])
            _, checkpoint = notes.opened(said["note"].encode(), verifier, said["origin"])
            assert checkpoint.size == said["size"] == count
            assert checkpoint.root.hex() == said["root"]

    play(scenario)


def test_the_tree_follows_by_itself(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            count = await acts(deck, 3)
            async with asyncio.timeout(30):
                while True:
                    file = home / "audit" / "checkpoint"
                    if file.exists() and int(file.read_text("utf-8").split("\n")[1]) >= count:
                        return
                    await asyncio.sleep(0.05)

    play(scenario)


def test_a_record_is_proved_to_somebody_who_trusts_nobody(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            seq = await acts(deck, 5) - 2
            proof = await good(client, f"/audit/proof/{seq}")
            leaf = hashlib.sha256(b"\x00" + proof["entry"].encode()).digest()
            assert leaf.hex() == proof["leaf"]
            signed = proof["checkpoint"]
            hashes = [bytes.fromhex(each) for each in proof["hashes"]]
            root = bytes.fromhex(signed["root"])
            assert merkle.included(leaf, proof["index"], signed["size"], hashes, root)
            record = (await good(client, "/audit?q=trader/2"))["items"][0]
            assert record["hash"] in proof["entry"]
            missing = await client.get(f"/audit/proof/{signed['size'] + 100}")
            assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")

    play(scenario)


def test_an_older_checkpoint_is_shown_to_be_the_beginning_also_after_a_restart(
    play: Any, home: Path
):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            await acts(deck, 3)
            old = await good(client, "/audit/checkpoint")
        async with running(home, wire) as deck, deck.client() as client:
            await acts(deck, 4)
            new = await good(client, "/audit/checkpoint")
            assert (new["origin"], new["key"]) == (old["origin"], old["key"])
            path = f"/audit/consistency?old={old['size']}&size={new['size']}"
            hashes = [bytes.fromhex(each) for each in (await good(client, path))["hashes"]]
            roots = bytes.fromhex(old["root"]), bytes.fromhex(new["root"])
            assert merkle.consistent(old["size"], roots[0], new["size"], roots[1], hashes)
            wrong = await client.get(f"/audit/consistency?old=1&size={new['size'] + 100}")
            assert wrong.status_code == 422

    play(scenario)


def test_a_witness_needs_no_more_than_a_viewer_and_sees_no_record(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck:
            await acts(deck, 1)
            least = await token(deck.context, Role.VIEWER)
            async with deck.client(least) as client:
                size = (await good(client, "/audit/checkpoint"))["size"]
                await good(client, f"/audit/consistency?old=1&size={size}")
                for path in ("/audit", "/audit/verify", "/audit/proof/1"):
                    assert (await client.get(path)).status_code == 403

    play(scenario)


def test_a_witness_on_another_machine_signs_what_the_host_keeps(
    play: Any, home: Path, tmp_path: Path
):
    memory = Memory(tmp_path / "elsewhere")
    known = memory.signer("w-one").verifier.text()

    async def scenario(wire: Wire) -> None:
        async with running(home, wire, audit_witnesses=known) as deck, deck.client() as client:
            first = await good(client, "/audit/checkpoint")
            assert first["witnessed"] == []
            source = Api(deck.url, await token(deck.context, Role.VIEWER))
            log = notes.parse_verifier(first["key"])
            sizes: list[int] = []
            for count in (3, 2):
                await acts(deck, count)
                found = await asyncio.to_thread(look, source, log, memory, 1_795_000_000)
                assert (found.finding, found.detail) == (None, "")
                said = (await good(client, "/audit/checkpoint"))["witnessed"]
                assert [(each["witness"], each["at"]) for each in said] == [
                    ("w-one", "2026-11-18T11:06:40Z")
                ]
                assert notes.parse(said[0]["note"].encode()).by(memory.signer().verifier)
                sizes.append(said[0]["size"])
            assert sizes[0] + 2 == sizes[1]
            proof = await good(client, "/audit/proof/1")
            assert proof["checkpoint"]["witnessed"][0]["size"] == sizes[1]

    play(scenario)


def test_a_stranger_is_no_witness(play: Any, home: Path, tmp_path: Path):
    stranger = Memory(tmp_path / "stranger")
    stranger.signer("w-two")

    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            log = notes.parse_verifier((await good(client, "/audit/checkpoint"))["key"])
            source = Api(deck.url, deck.token)
            found = await asyncio.to_thread(look, source, log, stranger, 1)
            assert "TRADEDECK_AUDIT_WITNESSES" in found.detail
            assert "not handed in" in found.detail
            assert "No witness that this host knows" in found.detail
            wrong = await client.post("/audit/cosignatures", json={"note": "nothing"})
            assert (wrong.status_code, wrong.json()["code"]) == (422, "INVALID_DATA")
            assert (await good(client, "/audit/checkpoint"))["witnessed"] == []

    play(scenario)


def test_a_wrong_key_of_a_witness_is_said_before_anything_opens(home: Path):
    async def scenario() -> None:
        async with running(home, Wire(), audit_witnesses="nonsense"):
            pass

    with pytest.raises(TradedeckError, match="TRADEDECK_AUDIT_WITNESSES") as refused:
        asyncio.run(scenario())
    assert refused.value.code is Code.INVALID_SETTING
    assert not (home / "store" / "tradedeck.db").exists()


def test_the_verdict_names_table_and_tree(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            await acts(deck, 3)
            verdict = await good(client, "/audit/verify")
            checkpoint = await good(client, "/audit/checkpoint")
            assert verdict["ok"]
            assert verdict["tree"] == verdict["records"] == checkpoint["size"]
            assert verdict["root"] == checkpoint["root"]

    play(scenario)


@pytest.mark.parametrize(
    "change", ["UPDATE audit SET actor='eve' WHERE seq=2", "DELETE FROM audit WHERE seq>1"]
)
def test_inv_13_verify_now_says_where_it_breaks(play: Any, home: Path, change: Any):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            await acts(deck, 5)
            await good(client, "/audit/checkpoint")
            untriggered(deck.context.whole, change)
            verdict = await good(client, "/audit/verify")
            assert not verdict["ok"]
            assert verdict["broken_at"] == 2
            assert verdict["detail"]

    play(scenario)


def test_ctl_13_an_older_database_is_alarmed_and_acts_go_on(play: Any, home: Path):
    async def scenario(wire: Wire) -> None:
        async with running(home, wire) as deck, deck.client() as client:
            await acts(deck, 5)
            await good(client, "/audit/checkpoint")
        whole = (home / "store" / "tradedeck.db").read_bytes()
        async with running(home, wire) as deck, deck.client() as client:
            await acts(deck, 3)
            await good(client, "/audit/checkpoint")
        for path in (home / "store").iterdir():
            path.unlink()
        (home / "store" / "tradedeck.db").write_bytes(whole)
        async with running(home, wire) as deck, deck.client() as client:
            async with asyncio.timeout(30):
                while True:
                    found = (await good(client, "/alerts"))["items"]
                    if any(alert["code"] == "AUDIT_BROKEN" for alert in found):
                        break
                    await asyncio.sleep(0.05)
            assert (await acts(deck, 1)) > 0
            refused = await client.get("/audit/checkpoint")
            assert (refused.status_code, refused.json()["code"]) == (503, "CHAIN_BROKEN")
            verdict = await good(client, "/audit/verify")
            assert not verdict["ok"]

    play(scenario)
