"""What users would fit a table with instead of `fit`: five regressors of SciPy, scikit-learn and torch.

Each takes X (n, d), y (n,), a seed and seconds, and returns its model and a few words on what it chose. Each is given
what one who knows it well would do: inputs and outputs standardised, one core, float64, settings chosen by held-out
rows, and all of the time where more time helps. Kernel methods are fitted again to all rows in the end; networks keep
the parameters that were best on the held-out rows. Their seconds are those of the processor, so that they lose nothing
where they share a core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise, product
from time import process_time as clock

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator, RBFInterpolator
from scipy.linalg import LinAlgError
from scipy.optimize import minimize

Array = np.ndarray
Function = Callable[[Array], Array]
HELD_OUT = 0.15
HIDDEN = (30, 30)  # of both networks, tanh: the best of five in 20 s on I.12.1, I.26.2 and I.13.12
# Triangulations of 4,000 points: 6 s in 5 dimensions, 93 s in 6, and more memory than there is in 9.
MOST_DIMENSIONS = 5
RBF_SHAPES = (0.3, 0.1, 1.0, 0.03)  # of standardised inputs; the first is tried first
GP_ROWS = (250, 500, 1000, 2000)  # hyperparameters are found on so many rows, one after the other
GP_SEARCH_ALPHAS = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)  # for these, the first that can be factored
GP_SHARE = 0.5  # of the time goes to hyperparameters
GP_ALPHAS = (1e-12, 1e-13, 1e-11, 1e-14, 1e-10, 1e-8, 1e-6)  # the first is tried first
STEPS = 20  # of L-BFGS in torch between two looks at the held-out rows
FIRST_STEPS = 50  # of L-BFGS in scikit-learn, which forgets its curvature from one call to the next: each call longer


class UnsuitableError(Exception):
    """This data can't be fitted in the given time; the message says why."""


class Best:
    """The candidate of the least error on held-out rows."""

    def __init__(self, X: Array, y: Array) -> None:
        self.X, self.y = X, y
        self.error = np.inf
        self.candidate: object = None

    def offer(self, model: Function, candidate: object) -> None:
        """`candidate` is something that `model` can be made from again."""
        with np.errstate(all="ignore"):
            error = float(np.sqrt(np.mean((np.ravel(model(self.X)) - self.y) ** 2)))
        if error < self.error:
            self.error, self.candidate = error, candidate


class Scaling:
    """Mean 0 and deviation 1 of each column; a constant column stays as it is."""

    def __init__(self, values: Array) -> None:
        self.mean, deviation = values.mean(axis=0), values.std(axis=0)
        self.deviation = np.where(deviation > 0.0, deviation, 1.0)

    def __call__(self, values: Array) -> Array:
        return (values - self.mean) / self.deviation

    def undo(self, values: Array) -> Array:
        return values * self.deviation + self.mean


def standardised(X: Array, y: Array) -> tuple[Array, Array, Callable[[Function], Function]]:
    """Both scaled, and what makes a model of scaled values one of the user's."""
    inputs, outputs = Scaling(X), Scaling(y)
    return inputs(X), outputs(y), lambda model: lambda Q: outputs.undo(np.ravel(model(inputs(Q))))


def split(n: int, seed: int) -> tuple[Array, Array]:
    """Indices of rows to fit and of rows held out."""
    order = np.random.default_rng(seed).permutation(n)
    n_held_out = max(1, round(HELD_OUT * n))
    return order[n_held_out:], order[:n_held_out]


def rbf_interpolator(X: Array, y: Array, seed: int, seconds: float) -> tuple[Function, str]:
    """SciPy's, of all its kernels: those of one width for all at first, then widths."""
    deadline = clock() + seconds
    X, y, given_back = standardised(X, y)
    rows, held_out = split(len(X), seed)
    best = Best(X[held_out], y[held_out])
    candidates = [{"kernel": kernel} for kernel in ("cubic", "quintic", "thin_plate_spline")]
    shaped = product(RBF_SHAPES, ("inverse_multiquadric", "gaussian", "multiquadric"), (0.0, 1e-12))
    candidates += [{"kernel": k, "epsilon": e / np.sqrt(X.shape[1]), "smoothing": s} for e, k, s in shaped]
    longest = 0.0
    for candidate in candidates:
        # All rows take longer than these by the cube of their number.
        if best.candidate and clock() + longest * (1.0 + (1.0 - HELD_OUT) ** -3) > deadline:
            break
        start = clock()
        try:
            best.offer(RBFInterpolator(X[rows], y[rows], **candidate), candidate)
        except (LinAlgError, ValueError):  # singular; too few points for the kernel's polynomial
            continue
        finally:
            longest = max(longest, clock() - start)
    if best.candidate is None:
        raise UnsuitableError("singular for every kernel")
    chosen: dict[str, object] = dict(best.candidate)  # type: ignore[call-overload]
    return given_back(RBFInterpolator(X, y, **chosen)), " ".join(f"{k}={v}" for k, v in chosen.items())


def linear_interpolator(X: Array, y: Array, seed: int, seconds: float) -> tuple[Function, str]:
    """SciPy's on a triangulation; the nearest point's value outside of the hull."""
    if X.shape[1] == 1:
        order = np.argsort(X[:, 0])
        return lambda Q: np.interp(Q[:, 0], X[order, 0], y[order]), ""
    if X.shape[1] > MOST_DIMENSIONS:
        raise UnsuitableError(f"no triangulation in {X.shape[1]} dimensions in a minute")
    inside, outside = LinearNDInterpolator(X, y, rescale=True), NearestNDInterpolator(X, y, rescale=True)
    return lambda Q: np.where(np.isnan(values := inside(Q)), outside(Q), values), ""


def mlp_regressor(X: Array, y: Array, seed: int, seconds: float) -> tuple[Function, str]:
    """scikit-learn's network by L-BFGS, warm-started until the time is over; from other seeds where it has stalled."""
    from sklearn.neural_network import MLPRegressor

    deadline = clock() + seconds
    X, y, given_back = standardised(X, y)
    rows, held_out = split(len(X), seed)
    best = Best(X[held_out], y[held_out])
    n_starts, step_seconds = 0, 0.0
    while best.candidate is None or clock() < deadline:
        network = MLPRegressor(
            hidden_layer_sizes=HIDDEN,
            activation="tanh",
            solver="lbfgs",
            alpha=0.0,
            tol=0.0,
            warm_start=True,
            random_state=seed + n_starts,
        )
        n_starts += 1
        n_steps = FIRST_STEPS if step_seconds else 1
        loss = np.inf
        while True:
            start = clock()
            network.set_params(max_iter=n_steps, max_fun=10 * n_steps).fit(X[rows], y[rows])
            step_seconds = (clock() - start) / max(1, network.n_iter_)
            weights = [*(w.copy() for w in network.coefs_), *(b.copy() for b in network.intercepts_)]
            best.offer(network.predict, weights)
            left = int((deadline - clock()) / step_seconds)
            if left < 1 or not network.loss_ < loss:
                break
            loss, n_steps = network.loss_, min(max(FIRST_STEPS, 2 * n_steps), left)
    n_layers = len(HIDDEN) + 1
    network.coefs_, network.intercepts_ = best.candidate[:n_layers], best.candidate[n_layers:]  # type: ignore[index]
    return given_back(network.predict), f"{n_starts} starts"


class _TimeIsOverError(Exception):
    pass


class _Timed:
    """L-BFGS-B in scikit-learn's form of an optimizer, which returns its best point when the time is over."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.longest = 0.0  # seconds an evaluation has taken

    def __call__(
        self, objective: Callable[..., tuple[float, Array]], initial: Array, bounds: Array
    ) -> tuple[Array, float]:
        best, least = initial, np.inf

        def watched(theta: Array) -> tuple[float, Array]:
            nonlocal best, least
            start = clock()
            if np.isfinite(least) and start + self.longest > self.deadline:
                raise _TimeIsOverError
            value, gradient = objective(theta, eval_gradient=True)
            self.longest = max(self.longest, clock() - start)
            if value < least:
                best, least = theta.copy(), value
            return value, gradient

        with suppress(_TimeIsOverError):
            minimize(watched, initial, jac=True, bounds=bounds, method="L-BFGS-B")
        return best, least


def gaussian_process(X: Array, y: Array, seed: int, seconds: float) -> tuple[Function, str]:
    """scikit-learn's, with a width for each input: of Gaussian and of Matern kernels, the better on held-out rows."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

    begin = clock()
    deadline = begin + seconds
    X, y, given_back = standardised(X, y)
    rows, held_out = split(len(X), seed)
    best = Best(X[held_out], y[held_out])
    widths = np.full(X.shape[1], np.sqrt(X.shape[1]))
    amplitude = ConstantKernel(10.0, (1e-3, 1e10))
    kernels = [amplitude * RBF(widths, (1e-2, 1e4)), amplitude * Matern(widths, (1e-2, 1e4), nu=2.5)]
    for i in range(len(kernels)):
        end = begin + GP_SHARE * seconds * (i + 1) / len(kernels)
        optimizer = _Timed(end)
        for before, n in pairwise((GP_ROWS[0], *GP_ROWS)):
            # An evaluation takes the cube of the rows; a few are wanted.
            if n > len(rows) or clock() + 4 * (n / before) ** 3 * optimizer.longest > end:
                break
            for alpha in GP_SEARCH_ALPHAS:
                found = GaussianProcessRegressor(kernels[i], alpha=alpha, optimizer=optimizer)
                with suppress(LinAlgError):  # not positive definite anywhere on the way
                    kernels[i] = found.fit(X[rows[:n]], y[rows[:n]]).kernel_
                    break
    longest = 0.0
    for alpha, kernel in product(GP_ALPHAS, kernels):
        if best.candidate and clock() + longest * (1.0 + (1.0 - HELD_OUT) ** -3) > deadline:
            break
        start = clock()
        model = GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None)
        try:
            best.offer(model.fit(X[rows], y[rows]).predict, (kernel, alpha))
        except LinAlgError:
            continue
        finally:
            longest = max(longest, clock() - start)
    if best.candidate is None:
        raise UnsuitableError("not positive definite for any alpha")
    kernel, alpha = best.candidate  # type: ignore[misc]
    try:
        model = GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(X, y)
    except LinAlgError:  # more rows are nearer to each other
        model = GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(X[rows], y[rows])
    return given_back(model.predict), f"alpha={alpha:g} {kernel}"


def torch_network(X: Array, y: Array, seed: int, seconds: float) -> tuple[Function, str]:
    """torch's L-BFGS (strong Wolfe) on a network, until the time is over; from other seeds where it has stalled."""
    import torch

    torch.set_num_threads(1)
    deadline = clock() + seconds
    X, y, given_back = standardised(X, y)
    rows, held_out = split(len(X), seed)
    best = Best(X[held_out], y[held_out])
    inputs, targets = torch.tensor(X[rows]), torch.tensor(y[rows, None])
    widths = [X.shape[1], *HIDDEN, 1]
    n_starts = 0

    def new_network() -> torch.nn.Sequential:
        modules: list[torch.nn.Module] = []
        for n_in, n_out in pairwise(widths):
            linear = torch.nn.Linear(n_in, n_out, dtype=torch.float64)
            torch.nn.init.xavier_uniform_(linear.weight)
            torch.nn.init.zeros_(linear.bias)
            modules += [linear, torch.nn.Tanh()]
        return torch.nn.Sequential(*modules[:-1])

    def function(network: torch.nn.Sequential) -> Function:
        def model(Q: Array) -> Array:
            with torch.inference_mode():
                return network(torch.tensor(Q)).numpy()

        return model

    def losses(network: torch.nn.Sequential) -> Iterator[float]:
        """The loss before each look."""
        optimizer = torch.optim.LBFGS(
            network.parameters(),
            max_iter=STEPS,
            history_size=100,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(network(inputs), targets)
            loss.backward()
            return loss

        while True:
            yield float(optimizer.step(closure))

    while best.candidate is None or clock() < deadline:
        torch.manual_seed(seed + n_starts)
        n_starts += 1
        network, before = new_network(), np.inf
        best.offer(function(network), {k: v.clone() for k, v in network.state_dict().items()})
        for loss in losses(network):
            best.offer(function(network), {k: v.clone() for k, v in network.state_dict().items()})
            if clock() > deadline or not loss < before:
                break
            before = loss
    network.load_state_dict(best.candidate)  # type: ignore[arg-type]
    return given_back(function(network)), f"{n_starts} starts"


PEERS = {
    "RBFInterpolator": rbf_interpolator,
    "LinearNDInterpolator": linear_interpolator,
    "MLPRegressor": mlp_regressor,
    "GaussianProcessRegressor": gaussian_process,
    "torch L-BFGS": torch_network,
}
NEEDS = {"MLPRegressor": "sklearn", "GaussianProcessRegressor": "sklearn", "torch L-BFGS": "torch"}
