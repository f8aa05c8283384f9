"""Each figure of the paper, by its quick protocol: minutes a figure, and every claim must hold."""

import pytest

from pml_native.paper import FIGURES, reproduce


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_the_claims_of_a_figure_hold(name, tmp_path):
    (done,) = reproduce([name], output=tmp_path, progress=False)
    assert not done.table.failed.errors
    assert done.claims
    failed = [str(claim) for claim in done.claims if not claim.holds]
    assert not failed, "\n".join(["", *failed])
