"""Larger blocks: parts of talking heads and of what surrounds them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from .blocks import Block, Call, SelfAttention, block, rand


@block
def live_portrait() -> Block:
    """A volume of features moved by key points, then decoded under its own segmentation."""

    def forward(self, volume, source, driving):
        b, c, d, h, w = volume.shape
        axes = [torch.linspace(-1, 1, n) for n in (d, h, w)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)[None, None]
        offset = grid - driving[:, :, None, None, None]
        moved = offset + source[:, :, None, None, None]
        weights = torch.softmax(-offset.pow(2).sum(-1) / 0.1, 1)
        warped = F.grid_sample(volume, (weights[..., None] * moved).sum(1), align_corners=False)
        features = self.flatten(warped.reshape(b, c * d, h, w))
        shared = F.relu(self.shared(features))
        return self.norm(features) * (1 + self.gamma(shared)) + self.beta(shared)

    conv = lambda i, o: nn.Conv2d(i, o, 3, padding=1)  # noqa: E731
    return Call(forward, flatten=conv(16, 8), shared=conv(8, 8), gamma=conv(8, 8), beta=conv(8, 8), norm=nn.InstanceNorm2d(8)), (
        rand(1, 4, 4, 8, 8), 0.3 * rand(1, 5, 3), 0.3 * rand(1, 5, 3))


@block
def blurred_upsampling() -> Block:
    """StyleGAN2: a transposed depthwise convolution as upsampling filter, noise, a gain."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps) / 16

    def forward(self, x, noise):
        c = x.shape[1]
        up = F.conv_transpose2d(x, kernel[None, None].repeat(c, 1, 1, 1), stride=2, padding=1, groups=c)
        return F.leaky_relu(up + 0.1 * noise, 0.2) * math.sqrt(2)

    return Call(forward), (rand(2, 4, 8, 8), rand(2, 1, 16, 16))


@block
def speech_decoder() -> Block:
    """Whisper: convolutions over a log-mel spectrogram, sinusoids, then a decoder that attends to the encoder."""

    def forward(self, x, tokens):
        power = torch.stft(x, 64, 32, window=torch.hann_window(64), return_complex=True).abs()[..., :-1].pow(2)
        mel = torch.log10(torch.clamp(self.filters @ power, min=1e-10))
        mel = (torch.maximum(mel, mel.amax() - 8.0) + 4.0) / 4.0
        encoded = F.gelu(self.second(F.gelu(self.first(mel)))).transpose(1, 2)
        encoded = self.encoder(encoded)
        y = self.decoder(self.tokens(tokens))
        scores = self.q(y) @ self.k(encoded).transpose(1, 2) / 4
        return (y + scores.softmax(-1) @ self.v(encoded)) @ self.tokens.weight.t()

    network = Call(forward, first=nn.Conv1d(8, 16, 3, padding=1), second=nn.Conv1d(16, 16, 3, 2, 1), encoder=SelfAttention(16, 2),
                   decoder=SelfAttention(16, 2, is_causal=True), tokens=nn.Embedding(30, 16), q=nn.Linear(16, 16), k=nn.Linear(16, 16, False),
                   v=nn.Linear(16, 16))
    network.register_buffer("filters", torch.rand(8, 33))
    return network, (rand(1, 1024), torch.tensor([[1, 5, 9, 2]]))


@block
def masked_attention() -> Block:
    """A mask of bools over keys, one of floats over positions, and heads that share keys."""

    def forward(self, q, k, v, mask, bias):
        return [F.scaled_dot_product_attention(q, k, v, mask), F.scaled_dot_product_attention(q, k, v, bias),
                F.scaled_dot_product_attention(q, k[:, :2], v[:, :2], is_causal=True, enable_gqa=True)]

    mask = torch.ones(2, 1, 1, 6, dtype=torch.bool)
    mask[1, ..., 4:] = False
    return Call(forward), (rand(2, 4, 6, 8), rand(2, 4, 6, 8), rand(2, 4, 6, 8), mask, rand(1, 4, 6, 6))


@block
def multi_head_attention() -> Block:
    return Call(lambda self, q, kv: self.net(q, kv, kv), net=nn.MultiheadAttention(16, 4, batch_first=True)), (rand(2, 5, 16), rand(2, 7, 16))


@block
def perturbed_rays() -> Block:
    """Depths along rays, their colours, and the bins that samples fall into."""

    def forward(self, origins, directions, weights):
        depths = torch.linspace(0, 1, 9)
        points = origins[:, None] + directions[:, None] * depths[:, None]
        cumulative = torch.cumsum(weights / weights.sum(-1, keepdim=True), -1)
        bins = torch.bucketize(torch.linspace(0.05, 0.95, 8), depths)
        picked = torch.gather(cumulative, 1, bins[None].expand(weights.shape[0], -1).clamp(max=8))
        return self.mlp(torch.cat([points, points.sin(), points.cos()], -1)), picked

    mlp = nn.Sequential(nn.Linear(9, 16), nn.Softplus(), nn.Linear(16, 4))
    return Call(forward, mlp=mlp), (rand(6, 3), rand(6, 3), torch.rand(6, 9))


@block
def codebook() -> Block:
    """The nearest entry of a table, and a straight-through estimate of it."""

    def forward(self, x):
        distance = x.pow(2).sum(-1, keepdim=True) - 2 * x @ self.table.weight.t() + self.table.weight.pow(2).sum(-1)
        index = distance.argmin(-1)
        return index, x + (self.table(index) - x).detach()

    return Call(forward, table=nn.Embedding(12, 8)), (rand(2, 5, 8),)


@block
def squeeze_and_excite() -> Block:
    layers = nn.Sequential(nn.Conv2d(6, 12, 1), nn.BatchNorm2d(12), nn.Hardswish(), nn.Conv2d(12, 12, 3, 2, 1, groups=12), nn.BatchNorm2d(12),
                           nn.Hardswish())
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 4, 1), nn.ReLU(), nn.Conv2d(4, 12, 1), nn.Hardsigmoid())
    return Call(lambda self, x: (lambda y: y * self.gate(y))(self.layers(x)), layers=layers, gate=gate), (rand(1, 6, 12, 12),)


class Repeats(nn.Module):
    def forward(self, x):
        from torch._higher_order_ops import while_loop

        return while_loop(lambda i, x: i < 4, lambda i, x: (i + 1, x * 0.5 + 1), (torch.tensor(0), x))


@block
def exported_loop() -> Block:
    return Repeats(), (rand(3, 2),)
