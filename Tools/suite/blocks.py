"""Small networks with every building block that talking heads are made of, as PyTorch users write them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

#: name: (network, inputs)
Block = tuple[nn.Module, tuple[torch.Tensor, ...]]
BLOCKS: dict[str, Callable[[], Block]] = {}


def block(make: Callable[[], Block]) -> Callable[[], Block]:
    BLOCKS[make.__name__] = make
    return make


class Call(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable, **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def rand(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


# ---------------------------------------------------------------------------------------------- convolutional


@block
def wav2lip_encoder() -> Block:
    def unit(i: int, o: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1), nn.BatchNorm2d(o), nn.ReLU())

    return nn.Sequential(unit(6, 16, 1), unit(16, 32, 2), unit(32, 32, 2), nn.AdaptiveAvgPool2d(1)), (rand(2, 6, 32, 32),)


@block
def residual_up() -> Block:
    up = nn.Sequential(nn.ConvTranspose2d(8, 8, 3, 2, 1, output_padding=1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2))
    return Call(lambda self, x: torch.cat([self.up(x), F.interpolate(x, scale_factor=2)], 1), up=up), (rand(1, 8, 6, 6),)


@block
def adain() -> Block:
    def forward(self, x, style):
        scale, shift = self.affine(style)[:, :, None, None].chunk(2, 1)
        return self.norm(x) * (1 + scale) + shift

    return Call(forward, affine=nn.Linear(5, 16), norm=nn.InstanceNorm2d(8)), (rand(2, 8, 7, 7), rand(2, 5))


@block
def modulated_convolution() -> Block:
    """StyleGAN2: the weight is computed, one group for each sample."""
    weight = nn.Parameter(rand(6, 4, 3, 3))

    def forward(self, x, style):
        b, c, h, w = x.shape
        kernel = self.weight[None] * style[:, None, :, None, None]
        kernel = kernel * torch.rsqrt(kernel.pow(2).sum((2, 3, 4), keepdim=True) + 1e-8)
        return F.conv2d(x.reshape(1, b * c, h, w), kernel.reshape(b * 6, c, 3, 3), padding=1, groups=b).reshape(b, 6, h, w)

    network = Call(forward)
    network.weight = weight
    return network, (rand(2, 4, 8, 8), rand(2, 4))


@block
def spade() -> Block:
    def forward(self, x, seg):
        seg = F.interpolate(seg, size=x.shape[2:], mode="nearest")
        shared = F.relu(self.shared(seg))
        return self.norm(x) * (1 + self.gamma(shared)) + self.beta(shared)

    conv = lambda i, o: nn.Conv2d(i, o, 3, padding=1)  # noqa: E731
    return Call(forward, norm=nn.InstanceNorm2d(6), shared=conv(3, 8), gamma=conv(8, 6), beta=conv(8, 6)), (
        rand(1, 6, 8, 8), rand(1, 3, 16, 16))


@block
def hifi_gan() -> Block:
    layers = [nn.Conv1d(8, 16, 7, padding=3), nn.ConvTranspose1d(16, 8, 16, 8, 4)]
    layers += [m for d in (1, 3, 5) for m in (nn.LeakyReLU(0.1), nn.Conv1d(8, 8, 3, dilation=d, padding=d))]
    return nn.Sequential(*layers, nn.Conv1d(8, 1, 7, padding=3), nn.Tanh()), (rand(1, 8, 12),)


@block
def volume_convolution() -> Block:
    return nn.Sequential(nn.Conv3d(2, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.AvgPool3d((1, 2, 2))), (
        rand(1, 2, 4, 8, 8),)


@block
def pixel_shuffle() -> Block:
    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2), nn.PixelUnshuffle(2)), (rand(1, 3, 6, 6),)


@block
def paddings() -> Block:
    def forward(self, x):
        return [F.pad(x, (1, 2, 2, 1), mode=mode) for mode in ("constant", "reflect", "replicate")]

    return Call(forward), (rand(1, 2, 5, 5),)


@block
def dilated_transpose() -> Block:
    return nn.ConvTranspose2d(4, 6, 3, 2, 2, output_padding=1, groups=2, dilation=2), (rand(1, 4, 5, 5),)


# ---------------------------------------------------------------------------------------------- warping


@block
def first_order_motion() -> Block:
    def forward(self, image, points, jacobian):
        grid = F.affine_grid(torch.eye(2, 3)[None], (1, 1, 8, 8), align_corners=True)
        offset = grid[:, None] - points[:, :, None, None]
        a, b, c, d = jacobian.flatten(2).unbind(-1)
        inverse = torch.stack([d, -b, -c, a], -1).reshape(1, 3, 2, 2) / (a * d - b * c)[..., None, None]
        moved = torch.matmul(inverse[:, :, None, None], offset[..., None])[..., 0]
        weights = torch.exp(-offset.pow(2).sum(-1) / 0.1).softmax(1)
        return F.grid_sample(image, (weights[..., None] * moved).sum(1), align_corners=True)

    jacobian = torch.eye(2).repeat(1, 3, 1, 1) + 0.1 * rand(1, 3, 2, 2)
    return Call(forward), (rand(1, 3, 8, 8), 0.3 * rand(1, 3, 2), jacobian)


@block
def grid_sample_2d() -> Block:
    def forward(self, x, grid):
        return [
            F.grid_sample(x, grid, mode=mode, padding_mode=padding, align_corners=corners)
            for mode in ("bilinear", "nearest", "bicubic") for padding in ("zeros", "border", "reflection")
            for corners in (True, False)
        ]

    return Call(forward), (rand(1, 2, 6, 7), 0.7 * rand(1, 5, 4, 2))


@block
def grid_sample_3d() -> Block:
    def forward(self, x, grid):
        return [
            F.grid_sample(x, grid, mode="bilinear", padding_mode=padding, align_corners=corners)
            for padding in ("zeros", "border", "reflection") for corners in (True, False)
        ]

    return Call(forward), (rand(1, 2, 4, 6, 5), 0.7 * rand(1, 3, 4, 4, 3))


@block
def head_pose() -> Block:
    def forward(self, angles):
        yaw, pitch, roll = angles.unbind(1)
        zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
        x = torch.stack([one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()], 1)
        y = torch.stack([yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()], 1)
        z = torch.stack([roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one], 1)
        r = torch.einsum("bij,bjk,bkp->bip", x.view(-1, 3, 3), y.view(-1, 3, 3), z.view(-1, 3, 3))
        return r, torch.atan2(r[:, 1, 0], r[:, 0, 0]), torch.asin(r[:, 2, 0].clamp(-1, 1)), torch.acos(r[:, 0, 0])

    return Call(forward), (0.5 * rand(4, 3),)


@block
def interpolations() -> Block:
    def forward(self, x):
        return [
            F.interpolate(x, scale_factor=2, mode="nearest"), F.interpolate(x, size=(5, 9), mode="bilinear"),
            F.interpolate(x, size=(13, 4), mode="bilinear", align_corners=True),
            F.interpolate(x, scale_factor=1.5, mode="bicubic"), F.interpolate(x, scale_factor=0.5, mode="area"),
        ]

    return Call(forward), (rand(1, 2, 8, 8),)


@block
def antialiased_interpolation() -> Block:
    def forward(self, x):
        return [F.interpolate(x, size=(5, 6), mode=mode, antialias=True) for mode in ("bilinear", "bicubic")]

    return Call(forward), (rand(1, 2, 16, 16),)


@block
def nearest_exact() -> Block:
    return Call(lambda self, x: F.interpolate(x, size=(5, 11), mode="nearest-exact")), (rand(1, 2, 8, 8),)


# ---------------------------------------------------------------------------------------------- attention, diffusion


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int, is_causal: bool = False) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.heads, self.norm = heads, nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.is_causal)
        return x + self.out(y.transpose(1, 2).reshape(b, t, c))


@block
def self_attention() -> Block:
    return SelfAttention(16, 4), (rand(2, 7, 16),)


@block
def causal_attention() -> Block:
    return SelfAttention(16, 2, is_causal=True), (rand(1, 9, 16),)


@block
def vision_transformer() -> Block:
    layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return Call(lambda self, x: self.encoder(self.patches(x).flatten(2).transpose(1, 2)), patches=nn.Conv2d(3, 16, 4, 4),
                encoder=encoder), (rand(1, 3, 16, 16),)


@block
def unet_block() -> Block:
    def forward(self, x, time, context):
        frequencies = torch.exp(-math.log(10000) * torch.arange(8) / 8)
        angles = time[:, None] * frequencies
        embedding = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        h = self.conv(F.silu(self.norm(x))) + embedding[:, :, None, None]
        b, c, height, width = h.shape
        q = h.flatten(2).transpose(1, 2)
        attention = torch.softmax(self.q(q) @ self.k(context).transpose(1, 2) / math.sqrt(c), -1) @ self.v(context)
        value, gate = self.gate(q + attention).chunk(2, -1)
        return (value * F.gelu(gate)).transpose(1, 2).reshape(b, c, height, width) + x

    return Call(forward, norm=nn.GroupNorm(4, 16), conv=nn.Conv2d(16, 16, 3, padding=1), time=nn.Linear(16, 16),
                q=nn.Linear(16, 16), k=nn.Linear(12, 16), v=nn.Linear(12, 16), gate=nn.Linear(16, 32)), (
        rand(2, 16, 6, 6), torch.tensor([3.0, 500.0]), rand(2, 5, 12))


@block
def rotary_decoder() -> Block:
    """One step of a causal decoder: RMSNorm, rotary positions, key and value cache."""

    def forward(self, x, keys, values):
        def rotated(x, first):
            angles = torch.outer(torch.arange(first, first + x.shape[2]).float(), 10000.0 ** -(torch.arange(4) / 4))
            a, b = x.chunk(2, -1)
            return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)

        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale.weight[0]
        q, k, v = self.qkv(y).reshape(1, -1, 3, 2, 8).permute(2, 0, 3, 1, 4)
        past = keys.shape[2]
        keys, values = torch.cat([keys, rotated(k, past)], 2), torch.cat([values, v], 2)
        return F.scaled_dot_product_attention(rotated(q, past), keys, values), keys, values

    return Call(forward, scale=nn.Linear(16, 1), qkv=nn.Linear(16, 48)), (rand(1, 1, 16), rand(1, 2, 5, 8), rand(1, 2, 5, 8))


# ---------------------------------------------------------------------------------------------- sound


@block
def speech_encoder() -> Block:
    """wav2vec 2.0: strided convolutions, grouped positions, a transformer layer."""
    features = nn.Sequential(nn.Conv1d(1, 16, 10, 5, bias=False), nn.GroupNorm(16, 16), nn.GELU(), nn.Conv1d(16, 16, 3, 2), nn.GELU())

    def forward(self, x):
        y = self.features(x)
        y = y + F.gelu(self.positions(y)[..., :-1])
        return self.layer(y.transpose(1, 2))

    return Call(forward, features=features, positions=nn.Conv1d(16, 16, 8, padding=4, groups=4), layer=SelfAttention(16, 2)), (
        rand(1, 1, 400),)


@block
def spectrogram() -> Block:
    def forward(self, x):
        z = torch.view_as_real(torch.stft(x, 64, 16, window=torch.hann_window(64), return_complex=True))
        return torch.log10((z.pow(2).sum(-1) + 1e-6))

    return Call(forward), (rand(1, 512),)


@block
def fourier_2d() -> Block:
    """Fast Fourier convolution."""

    def forward(self, x):
        z = torch.view_as_real(torch.fft.rfft2(x, norm="ortho"))
        b, c, h, w, _ = z.shape
        y = F.relu(self.conv(z.permute(0, 1, 4, 2, 3).reshape(b, 2 * c, h, w)))
        y = y.reshape(b, c, 2, h, w).permute(0, 1, 3, 4, 2).contiguous()
        return torch.fft.irfft2(torch.view_as_complex(y), s=x.shape[-2:], norm="ortho")

    return Call(forward, conv=nn.Conv2d(8, 8, 1)), (rand(1, 4, 8, 8),)


@block
def recurrent_lstm() -> Block:
    return Call(lambda self, x: self.net(x)[0], net=nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)), (rand(2, 7, 6),)


@block
def recurrent_gru() -> Block:
    return Call(lambda self, x, h: self.net(x, h), net=nn.GRU(6, 5, 1)), (rand(7, 2, 6), rand(1, 2, 5))


@block
def recurrent_rnn() -> Block:
    return Call(lambda self, x: self.net(x)[0], net=nn.RNN(6, 5, 1, nonlinearity="relu")), (rand(4, 2, 6),)


# ---------------------------------------------------------------------------------------------- radiance fields


@block
def compositing() -> Block:
    def forward(self, density, colour, steps):
        alpha = 1 - torch.exp(-F.softplus(density) * steps)
        transmittance = torch.exp(torch.cumsum(torch.log(1 - alpha + 1e-10), -1))
        weights = alpha * torch.cat([torch.ones_like(alpha[:, :1]), transmittance[:, :-1]], -1)
        return (weights[..., None] * torch.sigmoid(colour)).sum(1), weights.sum(-1)

    return Call(forward), (rand(5, 9), rand(5, 9, 3), rand(5, 9).abs() * 0.1)


@block
def hash_grid() -> Block:
    """Products by large primes in int64, combined by exclusive or, modulo the table."""

    def forward(self, x):
        cell = (x * 16).floor().long()
        index = (cell[:, 0] ^ (cell[:, 1] * 2654435761) ^ (cell[:, 2] * 805459861)) % 64
        return self.table(index) * (x * 16 - cell).sum(-1, keepdim=True)

    return Call(forward, table=nn.Embedding(64, 4)), (torch.rand(20, 3),)


@block
def tri_plane() -> Block:
    def forward(self, planes, points):
        pairs = torch.stack([points[:, [0, 1]], points[:, [0, 2]], points[:, [1, 2]]])
        features = F.grid_sample(planes, pairs[:, None], align_corners=False)[:, :, 0].sum(0).t()
        order = torch.argsort(points[:, 2])
        return features[order]

    return Call(forward), (rand(3, 4, 8, 8), torch.rand(11, 3) * 2 - 1)


@block
def frequency_encoding() -> Block:
    def forward(self, x):
        scaled = x[..., None] * (2.0 ** torch.arange(6)) * math.pi
        return torch.cat([x, scaled.sin().flatten(1), scaled.cos().flatten(1)], -1)

    return Call(forward), (rand(8, 3),)


# ---------------------------------------------------------------------------------------------- the rest


@block
def indexing() -> Block:
    def forward(self, x, index):
        y = x.clone()
        y[:, 1:3] = 0
        y = y.scatter_add(1, index, torch.ones_like(x[:, :2]))
        return y.gather(1, index), x[:, ::2], x.flip(1), x.roll(2, 1), torch.where(x > 0, x, -x), x.masked_fill(x < 0, 1.0)

    return Call(forward), (rand(3, 6), torch.tensor([[0, 5], [1, 1], [4, 2]]))


@block
def reductions() -> Block:
    def forward(self, x):
        return [x.mean((1, 2)), x.amax(1), x.var(-1), x.std((0, 2)), x.norm(dim=1), x.logsumexp(-1), x.argmax(1),
                x.topk(2, 1)[0], x.sort(-1)[0], x.cumsum(1), x.prod(-1), x.min(2)[1]]

    return Call(forward), (rand(3, 4, 5),)


@block
def activations() -> Block:
    functions = (F.relu, F.relu6, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.softplus, F.softsign, F.hardswish,
                 F.hardsigmoid, F.hardtanh, F.logsigmoid, F.tanhshrink, torch.tanh, torch.sigmoid, torch.erf)
    return Call(lambda self, x: [f(x) for f in functions] + [F.gelu(x, approximate="tanh")]), (3 * rand(4, 9),)


@block
def integer_arithmetic() -> Block:
    def forward(self, a, b):
        return a // b, a % b, torch.remainder(a, b), torch.div(a, b, rounding_mode="trunc"), a & b, a | b, a >> 1, a * b

    return Call(forward), (torch.tensor([7, -7, 123456789, 5]), torch.tensor([3, 3, 1000, 2]))


@block
def half_precision() -> Block:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 4)).half(), (rand(1, 3, 6, 6).half(),)


class Branches(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))


@block
def condition() -> Block:
    return Branches(), (rand(3, 2),)


@torch.jit.script
def repeated(x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    for _ in range(int(count)):
        if bool(x.sum() < 10):
            x = x * 1.5 + 0.1
        else:
            x = x - 1
    return x


class Scripted(nn.Module):
    def forward(self, x, count):
        return repeated(x, count)


@block
def scripted_loop() -> Block:
    return Scripted(), (torch.rand(4), torch.tensor(6))
