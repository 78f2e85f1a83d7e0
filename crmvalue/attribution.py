"""Attribution: which channels brought conversions, and the cost and return of each channel.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
paths of touches, as lists or from a log                    :class:`Paths`, :func:`paths_from_touches`
credit of each channel, by one of several models            :func:`attribute`
conversions that would be lost without a channel            :func:`markov_removal_effects`
fair shares, from the worth of sets of channels             :func:`shapley_values`
which channel follows which                                 :func:`channel_transitions`
cost per acquired customer and return by channel            :func:`channel_returns`
==========================================================  ===========================================================

Credits always sum to the total that is distributed. A model divides the credit for a conversion. It does not say what
would have happened without a channel: only an experiment can show that.
"""

from __future__ import annotations

from crmvalue._attribution.credit import Attribution, AttributionModel, attribute
from crmvalue._attribution.markov import RemovalEffects, markov_removal_effects
from crmvalue._attribution.returns import ChannelReturns, channel_returns
from crmvalue._attribution.shapley import ShapleyValues, shapley_values
from crmvalue._attribution.touch_log import paths_from_touches
from crmvalue._attribution.touch_paths import ChannelTransitions, Paths, channel_transitions

__all__ = [
    "Attribution",
    "AttributionModel",
    "ChannelReturns",
    "ChannelTransitions",
    "Paths",
    "RemovalEffects",
    "ShapleyValues",
    "attribute",
    "channel_returns",
    "channel_transitions",
    "markov_removal_effects",
    "paths_from_touches",
    "shapley_values",
]
