"""A plugin of pytest for the runs of `make teeth`: what a property test finds is not made smaller, which takes minutes."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "unshrunk", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
