"""The demo: its own home, paper money, real prices replayed.

Owns the demo's first document and the two variables that arm its paper account. They are given
to this home's runner and exchange only, and only when the home was made by the demo.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.ops.files import write_json

MARKER = "demo.json"
SEED = "seed.yaml"  # read by the api when it makes the first version of an empty home
ENVIRONMENT = {"TRADING_MODE": "paper", "PAPER_EXECUTION_ENABLED": "true"}
# Whatever the shell says about live trading does not reach a demo.
CLEARED = ("LIVE_TRADING", "LIVE_TRADING_CONFIRM", "BROKER_NETWORK", "RUNTIME_DATA_MODE")
START = "2004-08-19"  # the first day of GOOG: a newcomer lives through 2008
BARS_PER_S = 4


def prepare(home: Path) -> None:
    """Mark an empty home as the demo's and leave its first document. Refuses anybody else's."""
    if (home / MARKER).exists():
        return
    if (home / "store" / "tradedeck.db").exists() or (home / "config.yaml").exists():
        raise TradedeckError(
            Code.REFUSED,
            f"{home} is a home with state of its own; the demo arms paper trading and keeps out.",
            hint="Leave out --demo, or set TRADEDECK_HOME to another folder.",
        )
    # JSON is YAML. The api makes its first version of the one, the runner boots from the other,
    # so that no home of a demo ever trades the default document for a moment.
    write_json(home / SEED, document())
    write_json(home / "config.yaml", document())
    write_json(home / MARKER, {"demo": True})


def arm(environment: dict[str, str]) -> dict[str, str]:
    """The environment of the demo out of the shell's."""
    kept = {name: value for name, value in environment.items() if name not in CLEARED}
    kept = {name: value for name, value in kept.items() if not name.startswith("LIVE_FRAMES_")}
    return kept | ENVIRONMENT


def document() -> dict[str, Any]:
    """The desired state a demo begins with."""
    instruments = ["AAPL", "IBM", "MSFT", "GOOG", "FB"]  # FB is free to deploy on
    return {
        "version": 1,
        "scan_interval_s": 30,
        "feeds": [
            {
                "id": "us-daily",
                "kind": "replay",
                "source": "bundled:us-daily",
                "instruments": instruments,
                "start": START,
                "speed": BARS_PER_S,
                "loop": True,
                "interval": "1d",
            }
        ],
        "accounts": [
            {
                "id": "paper-demo",
                "broker": "paper",
                "currency": "USD",
                "starting_balance": "100000",
                "timezone": "America/New_York",
                "limits": {
                    "order_value_max": "250000",
                    "orders_per_minute": 120,
                    "open_orders_max": 40,
                    "gross_exposure_max": "1.2",
                    "concentration_max": "0.5",
                    "price_collar": "0.1",
                    "drawdown_max": {"bound": "0.35", "action": "reduce_only"},
                    "day_loss_max": {"bound": "30000", "action": "pause"},
                },
                "exchange": {"spread_bps": 2, "slippage_bps": 1, "fee_bps": 1, "fee_min": "0"},
            }
        ],
        "traders": [
            _trader("apple-ema", "AAPL", "ema-cross", {"fast": 10, "slow": 30}, "0.25"),
            _trader("ibm-momentum", "IBM", "momentum", {}, "0.2"),
            _trader("msft-reversion", "MSFT", "mean-reversion", {}, "0.2"),
            _trader("goog-breakout", "GOOG", "donchian-breakout", {}, "0.25"),
        ],
    }


def _trader(
    name: str, instrument: str, strategy: str, params: dict[str, Any], share: str
) -> dict[str, Any]:
    return {
        "id": name,
        "account": "paper-demo",
        "feed": "us-daily",
        "instrument": instrument,
        "strategy": strategy,
        "params": params,
        "sizing": {"kind": "equity_fraction", "value": share},
        "limits": {
            "order_value_max": "150000",
            "position_value_max": "250000",
            "loss_max": {"bound": "60000", "action": "pause"},
        },
        "state": "running",
        "session_gate": True,
    }
