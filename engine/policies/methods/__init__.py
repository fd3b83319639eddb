"""The methods, one file each. A new one registers itself and is imported here."""

from engine.policies.methods import (  # noqa: F401, I001 - in the order in which they are shown
    static,
    quotas,
    more_scores,
    single,
    temperature,
    bof_alpha,
    patience,
    free_thresholds,
    risk_control,
    bolukbasi,
    myopic,
    jei,
    eenet,
    router,
    ensembles,
    oracle,
    oracle_lagrangian,
)
