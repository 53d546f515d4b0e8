"""The exercises of lesson 02: a step back through time, gradients by lag, the neutral radius, influence by hand."""

import torch

from course_utils.teaching.checks.exercise import Case, Exercise, drawn, normal, perturbed

SLOPE_OF = "The slope of the tanh at z is 1 - tanh(z)². Which of your numbers is tanh(z) already?"


def step_back(
    slope=lambda a, h: 1 - a**2,
    turn=lambda W_aa: W_aa,
    weights=lambda grad_z, a, h: grad_z.T @ h,
    total=lambda so_far, new: so_far + new,
):
    """Return one step of back-propagation through time, or one that goes wrong in a chosen place."""

    def stepped(grad_a, a, h, W_aa, so_far):
        grad_z = grad_a * slope(a, h)
        return grad_z @ turn(W_aa), total(so_far, weights(grad_z, a, h))

    return stepped


bptt_step = step_back()


@drawn
def step_arguments(generator, B, H, first=False):
    so_far = torch.zeros(H, H) if first else torch.randn(H, H, generator=generator)
    grad_a, a, h, W_aa = normal(generator, (B, H), (B, H), (B, H), (H, H))
    return grad_a, a.tanh(), h.tanh(), W_aa, so_far


BPTT_STEP = Exercise(
    name="bptt_step",
    task="Take one step of back-propagation through time.",
    oracle=bptt_step,
    returns="(grad_h, total)",
    cases=[
        Case("one sequence, one unit, the last step of the run", step_arguments(1, 1, first=True)),
        Case("one unit, in the middle of the run", step_arguments(1, 1)),
        Case("two sequences, the last step of the run", step_arguments(2, 3, first=True)),
        Case("as many sequences as units", step_arguments(3, 3)),
        Case("random numbers, B = 4, H = 5", step_arguments(4, 5), times=3),
    ],
    misconceptions={
        "returns this step's gradient of `W_aa` alone, with no sum over time": (
            "The same `W_aa` is used at every step, so that its gradient is a sum over the steps. `so_far` holds what "
            "the later steps have given.",
            step_back(total=lambda so_far, new: new),
        ),
        "takes the tanh of a state that is a tanh already": (
            SLOPE_OF,
            step_back(slope=lambda a, h: 1 - torch.tanh(a) ** 2),
        ),
        "takes the slope at the old state": (
            "The gradient passes the tanh that made the *new* state. Whose value says how steep that one was?",
            step_back(slope=lambda a, h: 1 - h**2),
        ),
        "forgets the square in the slope": ("It is 1 minus the *square*.", step_back(slope=lambda a, h: 1 - a)),
        "forgets the slope of the tanh": (
            "Between a and h lie a tanh and a matrix. The gradient has to pass both, in this order.",
            step_back(slope=lambda a, h: torch.ones_like(a)),
        ),
        "forgets the slope of the tanh on the way to the old state": (
            "The gradient that goes on to h has passed the tanh as well.",
            lambda grad_a, a, h, W_aa, so_far: (grad_a @ W_aa, bptt_step(grad_a, a, h, W_aa, so_far)[1]),
        ),
        "passes the matrix first and the tanh afterwards": (
            "On the way forward the matrix came first; on the way back it comes last.",
            lambda grad_a, a, h, W_aa, so_far: ((grad_a @ W_aa) * (1 - h**2), so_far + (grad_a * (1 - a**2)).T @ h),
        ),
        "multiplies by `W_aa` the wrong way round": (
            "Forward the batch is multiplied by `W_aa.T`. The way back turns the matrix once more.",
            step_back(turn=lambda W_aa: W_aa.T),
        ),
        "pairs the gradient with the new state": (
            "`W_aa` was multiplied by the state *before* the step.",
            step_back(weights=lambda grad_z, a, h: grad_z.T @ a),
        ),
        "has rows and columns of the gradient of `W_aa` changed": (
            "Row i of `W_aa` makes unit i: row i of its gradient belongs to the gradient at z of unit i.",
            step_back(weights=lambda grad_z, a, h: h.T @ grad_z),
        ),
        "takes the mean over the batch": (
            "Each sequence adds its share. If the loss is a mean, `grad_a` says so already.",
            step_back(weights=lambda grad_z, a, h: grad_z.T @ h / len(h)),
        ),
    },
    hints=[
        "Two things happen on the way back, in the opposite order of the way forward: first the tanh, then the matrix. "
        "Call the gradient between them `grad_z`.",
        "`grad_z` is `grad_a` times the slope of the tanh, which the value `a` tells. What takes (B, H) back through "
        "`h @ W_aa.T`?",
        "For the weights, sum over the batch the product of `grad_z` and `h`, unit by unit: a matrix product of (H, B) "
        "and (B, H) does that. Then add what came before.",
    ],
)


def walk(slopes=lambda states, k: 1 - states[-1 - k] ** 2, turn=lambda W_aa: W_aa, measure=torch.linalg.vector_norm):
    """Return the norm of the gradient at each lag; ``slopes(states, k)`` are those of the step at lag k."""

    def norms(grad_last, states, W_aa):
        grad, found = grad_last, [measure(grad_last)]
        for k in range(len(states) - 1):
            grad = (grad * slopes(states, k)) @ turn(W_aa)
            found.append(measure(grad))
        return torch.stack(found)

    return norms


norms_by_lag = walk()


def one_jacobian_each(grad_last, states, W_aa):
    slopes = 1 - states.flip(0)[:-1] ** 2
    return torch.cat([grad_last.norm()[None], ((grad_last * slopes) @ W_aa).norm(dim=1)])


@drawn
def run_arguments(generator, T, H, scale=1.0):
    grad_last, states, W_aa = normal(generator, (H,), (T, H), (H, H))
    return grad_last, states.tanh(), scale * W_aa


NORMS_BY_LAG = Exercise(
    name="norms_by_lag",
    task="Return the norm of the gradient at each lag.",
    oracle=norms_by_lag,
    returns="(T,)",
    cases=[
        Case("a run of one step", run_arguments(1, 2)),
        Case("two steps, one unit", run_arguments(2, 1)),
        Case("three steps, two units", run_arguments(3, 2)),
        Case("a run of twelve steps", run_arguments(12, 4, scale=0.3)),
        Case("random numbers, T = 6, H = 3", run_arguments(6, 3), times=3),
    ],
    misconceptions={
        "is ordered by time, not by lag": (
            "Lag 0 is the last state: the first number is the norm of `grad_last` itself.",
            lambda grad_last, states, W_aa: norms_by_lag(grad_last, states, W_aa).flip(0),
        ),
        "forgets the slope of the tanh": (
            "That is a linear network's. Each step back passes a tanh, whose slope `states` tells.",
            walk(slopes=lambda states, k: torch.ones_like(states[0])),
        ),
        "multiplies by `W_aa` the wrong way round": (
            "A gradient that is a row goes back through `a = tanh(W_aa h)` as the row times `W_aa`.",
            walk(turn=lambda W_aa: W_aa.T),
        ),
        "takes the slopes in the order of time": (
            "The first step back passes the tanh that made the *last* state.",
            perturbed(norms_by_lag, states=lambda states: states.flip(0)),
        ),
        "takes the slope of the state that it arrives at": (
            "From a<T> to a<T-1> the gradient passes the tanh that made a<T>.",
            walk(slopes=lambda states, k: 1 - states[-2 - k] ** 2),
        ),
        "takes a single step for every lag": (
            "At lag k the gradient has passed k Jacobians: go on from the gradient of the lag before.",
            one_jacobian_each,
        ),
        "leaves out lag 0": (
            "At lag 0 nothing has been passed yet; and the last lag ends at the first of the states given.",
            lambda grad_last, states, W_aa: norms_by_lag(grad_last, torch.cat([states[:1], states]), W_aa)[1:],
        ),
        "returns the squares of the norms": (
            "A norm is the square *root* of the sum of squares.",
            walk(measure=lambda grad: grad.square().sum()),
        ),
        "adds the absolute values up": (
            "That is the 1-norm; the lesson's is Euclid's.",
            walk(measure=lambda grad: grad.abs().sum()),
        ),
    },
    hints=[
        "Keep one gradient, a vector of H numbers, and take it one step back at a time, noting its norm each time.",
        "The step from lag 0 to lag 1 passes the tanh that made `states[-1]`, then `W_aa`. T states make T norms, and "
        "T - 1 steps between them.",
        "`for a in states.flip(0)` goes backwards in time. A row `g` passes the matrix as `g @ W_aa`.",
    ],
)


NEUTRAL_RADIUS = Exercise(
    name="neutral_radius",
    task="Predict the spectral radius at which a gradient neither vanishes nor explodes.",
    oracle=lambda: 1 / (1 - 0.6**2),
    tolerance=0.005,
    misconceptions={
        "is the radius of a linear network": (
            "There each Jacobian is `W_aa` itself. Here each step multiplies by a slope below 1 as well.",
            lambda: 1.0,
        ),
        "is the slope itself": ("That is what the tanh takes away. What gives it back?", lambda: 1 - 0.6**2),
        "takes the state for the slope": (
            "0.6 is the *value* of the tanh. Its slope follows from the value.",
            lambda: 1 / 0.6,
        ),
        "forgets the square in the slope": ("The slope is 1 minus the *square* of the value.", lambda: 1 / 0.4),
        "takes the square of the state for the slope": ("The slope is what is *left* of 1.", lambda: 1 / 0.36),
        "takes the slope at 0.6, as if that were z": (SLOPE_OF, lambda: 1 / (1 - float(torch.tensor(0.6).tanh()) ** 2)),
        "adds to 1 what the tanh takes away": ("The factors of a step multiply; they don't add.", lambda: 1.36),
    },
    hints=[
        "The Jacobian of a step is the slope times `W_aa`. If every unit has the same slope, what is the spectral "
        "radius of that product?",
        "The slope of the tanh, told by its value a, is 1 - a². It need not be computed from z.",
        "The gradient neither vanishes nor explodes where slope times radius is 1.",
    ],
)


def by_hand(
    through=lambda grad, slope, W_ax: (grad * slope) @ W_ax,
    slope=lambda a: 1 - a**2,
    order=lambda found: found[::-1],
):
    """Return the influence of each input on w · a<T>; ``through`` leads from a<t> to the input."""

    def influences(w, states, W_aa, W_ax):
        grad, found = w, []
        for a in states.flip(0):
            found.append(through(grad, slope(a), W_ax).norm())
            grad = (grad * slope(a)) @ W_aa
        return torch.stack(order(found))

    return influences


influence_by_hand = by_hand()


@drawn
def influence_arguments(generator, T, H, D):
    w, states, W_aa, W_ax = normal(generator, (H,), (T, H), (H, H), (H, D))
    return w, states.tanh(), W_aa, W_ax


INFLUENCE_BY_HAND = Exercise(
    name="influence_by_hand",
    task="Return the influence of each input on one output, without autograd.",
    oracle=influence_by_hand,
    returns="(T,)",
    cases=[
        Case("a run of one step", influence_arguments(1, 2, 3)),
        Case("two steps, one unit, one feature", influence_arguments(2, 1, 1)),
        Case("as many features as units", influence_arguments(4, 3, 3)),
        Case("random numbers, T = 6, H = 4, D = 2", influence_arguments(6, 4, 2), times=3),
    ],
    misconceptions={
        "stops at the states": (
            "Those are the gradients with regard to the states. One matrix more lies between a state and its input.",
            lambda w, states, W_aa, W_ax: norms_by_lag(w, states, W_aa).flip(0),
        ),
        "stops in front of `W_ax`": (
            "That is the gradient at z. Which matrix leads from the input to z?",
            by_hand(through=lambda grad, slope, W_ax: grad * slope),
        ),
        "forgets the slope of the tanh in front of the input": (
            "The input goes through the same tanh as the state: the gradient passes it before it reaches `W_ax`.",
            by_hand(through=lambda grad, slope, W_ax: grad @ W_ax),
        ),
        "forgets the slope of the tanh": (
            "Each step back passes a tanh, whose slope `states` tells.",
            by_hand(slope=torch.ones_like),
        ),
        "is ordered by lag, not by time": (
            "Here the first number belongs to the first input, so that it can be coloured in the sentence.",
            by_hand(order=lambda found: found),
        ),
        "multiplies the norm by that of `W_ax`": (
            "The norm of a product is not the product of the norms: pass the matrix first, take the norm then.",
            lambda w, states, W_aa, W_ax: norms_by_lag(w, states, W_aa).flip(0) * torch.linalg.matrix_norm(W_ax),
        ),
        "leaves out the last input": (
            "The last state has read the last input: its way is the shortest of all.",
            by_hand(order=lambda found: [*found[:0:-1], torch.zeros(())]),
        ),
        "multiplies by `W_aa` the wrong way round": (
            "A gradient that is a row goes back as the row times `W_aa`.",
            perturbed(influence_by_hand, W_aa=lambda W_aa: W_aa.T),
        ),
    },
    hints=[
        "Walk back as in the exercise before. At each step the gradient at z<t> branches: one way leads to the old "
        "state, the other to the input.",
        "z<t> = W_aa a<t-1> + W_ax x<t> + b_a. A row that arrives at z<t> passes either matrix by a product from the "
        "right.",
        "Note the norm of `grad_z @ W_ax` at each step, go on with `grad_z @ W_aa`, and turn the list round at the "
        "end.",
    ],
)
