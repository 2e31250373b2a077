"""What mixes tokens with a state that is carried along, or with a short convolution.

A state's products are the outer product that is added to it, and its product with what is read out by; the decay of
the state acts element by element and is none. A depthwise convolution multiplies each channel by its kernel.
"""

from parity.models.description import Block, Part, Recurrence, join, linear, vector
from parity.models.reading import Config


def _convolution(channels: int, kernel: int, *, bias: bool) -> tuple[Part, ...]:
    """A convolution over time, one kernel a channel."""
    taps = Part("mixer", "convolution", (channels, kernel), products=1)
    return (taps, vector("mixer", "convolution bias", channels)) if bias else (taps,)


def mamba(width: int, inner: int, state: int, rank: int, kernel: int, *, conv_bias: bool, bias: bool) -> Block:
    """Mamba (arXiv:2312.00752, alg. 2) with Jamba's norms of time step, input and output matrix (arXiv:2403.19887)."""
    parts = join(
        linear("mixer", "input and gate", width, 2 * inner, bias=bias),
        _convolution(inner, kernel, bias=conv_bias),
        linear("mixer", "selection", inner, rank + 2 * state),
        linear("mixer", "time step", rank, inner, bias=True),
        Part("mixer", "decay", (inner, state)),
        vector("mixer", "skip", inner),
        linear("mixer", "output", inner, width, bias=bias),
        vector("mixer_norms", "time step norm", rank),
        vector("mixer_norms", "input matrix norm", state),
        vector("mixer_norms", "output matrix norm", state),
    )
    return Block(parts, context=Recurrence(2 * inner * state))


def mamba_2(
    width: int, heads: int, d: int, groups: int, state: int, kernel: int, *, conv_bias: bool, bias: bool
) -> Block:
    """Mamba-2 (arXiv:2405.21060, sec. 7), whose groups of heads share input and output matrices."""
    inner = heads * d
    channels = inner + 2 * groups * state
    parts = join(
        linear("mixer", "input, gate and time step", width, inner + channels + heads, bias=bias),
        _convolution(channels, kernel, bias=conv_bias),
        vector("mixer", "time step bias", heads),
        vector("mixer", "decay", heads),
        vector("mixer", "skip", heads),
        vector("mixer_norms", "gated norm", inner),
        linear("mixer", "output", inner, width, bias=bias),
    )
    return Block(parts, context=Recurrence(2 * inner * state))


def mamba_2_of_width(c: Config) -> Block:
    """Mamba-2 whose heads share out a multiple of the token's width.

    Raises:
        InputError: they do not.
    """
    width, heads, groups = c.integer("hidden_size"), c.integer("mamba_n_heads"), c.integer("mamba_n_groups")
    inner = c.integer("mamba_expand") * width
    if inner % heads:
        raise c.wrong("mamba_n_heads", heads, f"divisors of mamba_expand * hidden_size = {inner}")
    if heads % groups:
        raise c.wrong("mamba_n_groups", groups, f"divisors of the {heads} heads")
    c.only("mamba_d_head", "auto", inner // heads, absent="auto")
    c.unused("mamba_chunk_size")
    return mamba_2(
        width,
        heads,
        inner // heads,
        groups,
        c.integer("mamba_d_state"),
        c.integer("mamba_d_conv"),
        conv_bias=c.switch("mamba_conv_bias", default=True),
        bias=c.switch("mamba_proj_bias", default=False),
    )


def gated_delta(c: Config) -> Block:
    """Gated delta rule (arXiv:2412.06464, eq. 10): what the state holds for a key is read before it is overwritten.

    Raises:
        InputError: the key heads do not divide the value heads.
    """
    width, kernel = c.integer("hidden_size"), c.integer("linear_conv_kernel_dim")
    key_heads, value_heads = c.integer("linear_num_key_heads"), c.integer("linear_num_value_heads")
    d_key, d_value = c.integer("linear_key_head_dim"), c.integer("linear_value_head_dim")
    if value_heads % key_heads:
        raise c.wrong("linear_num_key_heads", key_heads, f"divisors of the {value_heads} value heads")
    keys, values = key_heads * d_key, value_heads * d_value
    parts = join(
        linear("mixer", "query, key, value and gate", width, 2 * keys + 2 * values),
        linear("mixer", "time step and strength", width, 2 * value_heads),
        _convolution(2 * keys + values, kernel, bias=False),
        vector("mixer", "time step bias", value_heads),
        vector("mixer", "decay", value_heads),
        vector("mixer_norms", "gated norm", d_value),
        linear("mixer", "output", values, width),
    )
    return Block(parts, context=Recurrence(3 * value_heads * d_key * d_value))


def lightning(width: int, heads: int, d: int) -> Block:
    """Lightning attention (arXiv:2401.04658), with a norm and a gate on what it reads out (arXiv:2501.08313)."""
    parts = join(
        linear("mixer", "query, key and value", width, 3 * heads * d),
        linear("mixer", "gate", width, heads * d),
        vector("mixer_norms", "norm", heads * d),
        linear("mixer", "output", heads * d, width),
    )
    return Block(parts, context=Recurrence(2 * heads * d * d))


def short_convolution(c: Config) -> Block:
    """LFM2's convolution over a few tokens, gated before and after."""
    width, bias = c.integer("hidden_size"), c.switch("conv_bias", default=False)
    parts = join(
        linear("mixer", "input and gates", width, 3 * width, bias=bias),
        _convolution(width, c.integer("conv_L_cache"), bias=bias),
        linear("mixer", "output", width, width, bias=bias),
    )
    return Block(parts)
