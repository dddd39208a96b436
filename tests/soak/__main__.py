"""`make soak`: prints what came of it; exit 1 unless nothing is doubled, lost or unexplained."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak.run import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=float, default=0.4, help="share of commands that are killed")
    parser.add_argument(
        "--unrest", type=float, default=0.02, help="share of requisitions that change, per round"
    )
    parser.add_argument("--safety", choices=["key", "lookup"], default="key")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with TemporaryDirectory(prefix="erpoa-soak-") as place:
        done = soak(
            Path(place), seed=asked.seed, documents=asked.documents, rounds=asked.rounds, kills=asked.kills, unrest=asked.unrest,
            safety=asked.safety, tell=lambda words: print(words, flush=True),
        )  # fmt: skip
    assert done.judgement is not None
    print(
        f"{done.documents} requisitions, {done.judgement.documents} documents made, {done.kills} kills, {done.seconds:.0f} s"
    )
    print("faults met: " + ", ".join(f"{name} {n}" for name, n in done.faults.most_common()))
    print(
        f"doubled {len(done.doubled)}, lost or wrong and not named {len(done.unexplained)}, named with a reason {len(done.asides)}"
    )
    print(f"without a person: {done.touchless:.3%}")
    for no, why in [*done.unexplained.items()][:20]:
        print(f"  {no}: {why}")
    return 1 if done.doubled or done.unexplained or done.touchless <= 0.99 else 0


if __name__ == "__main__":
    sys.exit(main())
