"""Blocks of single functions and layers of PyTorch, a few alike in each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .blocks import Block, Call, block, rand


def of(function, *inputs: torch.Tensor) -> Block:
    """A block of a function that needs no weights."""
    return Call(lambda self, *given: function(*given)), inputs


def positive(*shape: int) -> torch.Tensor:
    return torch.rand(*shape) + 0.1


# ---------------------------------------------------------------------------------------------- elementwise


@block
def trigonometry() -> Block:
    return of(lambda x: [x.sin(), x.cos(), x.tan(), x.asin(), x.acos(), x.atan(), x.sinh(), x.cosh(), x.asinh(), x.atanh(),
                         (x + 2).acosh(), torch.atan2(x, x.flip(0))], 1.8 * (torch.rand(5, 7) - 0.5))


@block
def exponentials() -> Block:
    return of(lambda x: [x.exp(), x.expm1(), x.log(), x.log1p(), x.log2(), x.log10(), x.sqrt(), x.rsqrt(), x.reciprocal(),
                         x.pow(3), x.pow(0.7), 2.0**x, x.square(), torch.logaddexp(x, x.flip(0)), torch.exp2(x)], positive(5, 7))


@block
def roundings() -> Block:
    return of(lambda x: [x.floor(), x.ceil(), x.round(), x.trunc(), x.frac(), x.sign(), x.abs(), -x, torch.fmod(x, 0.7),
                         torch.remainder(x, 0.7), x.clamp(-1, 1), x.clamp(min=0), torch.special.expit(x)], 3 * rand(5, 7))


@block
def float_division() -> Block:
    """Only by the newer exporter: the older one truncates towards zero."""
    return of(lambda x, y: [torch.floor_divide(x, y), torch.div(x, y, rounding_mode="floor"), torch.div(x, y)],
              3 * rand(4, 5), positive(4, 5))


@block
def comparisons() -> Block:
    return of(lambda x, y: [x < y, x <= y, x > y, x >= y, x == y, x != y, (x > 0) & (y > 0), (x > 0) | (y > 0), ~(x > 0),
                            (x > 0) ^ (y > 0), torch.isnan(x / y), torch.isinf(x / 0), torch.isfinite(x), (x > 0).any(1),
                            (x > -9).all(), torch.maximum(x, y), torch.minimum(x, y)], rand(4, 6), rand(4, 6))


@block
def bitwise() -> Block:
    return of(lambda a, b: [a & b, a | b, a ^ b, ~a, a << 2, a >> 1], torch.randint(0, 1000, (4, 5), dtype=torch.int32),
              torch.randint(0, 1000, (4, 5), dtype=torch.int32))


@block
def more_activations() -> Block:
    def forward(self, x):
        return [self.prelu(x), F.glu(x, 1), F.threshold(x, 0.1, 20.0), F.softshrink(x), F.hardshrink(x), F.rrelu(x), F.softmax(x, 1),
                F.log_softmax(x, 2), F.softmin(x, -1), F.leaky_relu(x, 0.3), F.relu(x) ** 2, x * torch.sigmoid(1.702 * x)]

    return Call(forward, prelu=nn.PReLU(6)), (rand(2, 6, 5),)


@block
def casts() -> Block:
    return of(lambda x: [x.int(), x.long(), x.bool(), x.double(), x.half(), x.to(torch.uint8), x.to(torch.int8).float()],
              torch.randint(0, 100, (4, 5)).float() + 0.25)


@block
def double_precision() -> Block:
    return of(lambda x, y: [x @ y, x.sum(1), x.softmax(-1), x.exp(), (x > 0).double(), x.mean()], rand(4, 5).double(),
              rand(5, 3).double())


# ---------------------------------------------------------------------------------------------- products


@block
def products() -> Block:
    def forward(self, a, b, c):
        return [torch.bmm(a, b), torch.baddbmm(c, a, b), torch.matmul(a, b[0]), torch.einsum("bij,bjk->bik", a, b),
                torch.einsum("bij,bkj->bik", a, a), torch.einsum("bij->bji", a), torch.outer(a[0, 0], b[0, 0]), a[0, 0] @ a[0, 1],
                torch.addmm(c[0], a[0], b[0], beta=0.5, alpha=2), torch.mv(a[0], a[0, 1]), torch.kron(a[0, :2, :2], b[0, :2, :2]),
                self.linear(a), self.bilinear(a, a)]

    return Call(forward, linear=nn.Linear(5, 4), bilinear=nn.Bilinear(5, 5, 3)), (rand(2, 4, 5), rand(2, 5, 6), rand(2, 4, 6))


@block
def determinants() -> Block:
    return of(lambda x: [torch.linalg.det(x), torch.trace(x[0]), torch.linalg.norm(x, dim=(1, 2)), torch.cross(x, x.flip(1), dim=2)],
              rand(2, 3, 3))


@block
def similarities() -> Block:
    return of(lambda x, y: [F.cosine_similarity(x, y, 1), F.normalize(x, dim=1), F.pairwise_distance(x, y), (x * y).sum(-1),
                            torch.dist(x, y)], rand(4, 6), rand(4, 6))


# ---------------------------------------------------------------------------------------------- layers


@block
def pools() -> Block:
    def forward(self, x):
        return [F.avg_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), F.max_pool2d(x, 3, 2, 1),
                F.max_pool2d(x, 3, 2, 1, dilation=2), F.max_pool2d(x, 2, ceil_mode=True), F.adaptive_avg_pool2d(x, 1),
                F.adaptive_avg_pool2d(x, (4, 4)), F.adaptive_max_pool2d(x, 1), F.lp_pool2d(x, 2, 3),
                *F.max_pool2d(x, 2, return_indices=True)]

    return Call(forward), (rand(1, 3, 12, 12),)


@block
def pools_of_other_ranks() -> Block:
    return of(lambda x, y: [F.avg_pool1d(x, 4, 2, 1), F.max_pool1d(x, 3, 2), F.adaptive_avg_pool1d(x, 5), F.avg_pool3d(y, 2),
                            F.max_pool3d(y, 3, 2, 1), F.adaptive_avg_pool3d(y, 1)], rand(1, 3, 20), rand(1, 2, 6, 6, 6))


@block
def convolutions_of_every_kind() -> Block:
    layers = {
        "dilated": nn.Conv2d(4, 6, 3, padding=4, dilation=4), "depthwise": nn.Conv2d(4, 8, 3, padding=1, groups=4),
        "strided": nn.Conv2d(4, 6, (5, 3), (3, 2), (2, 0)), "same": nn.Conv2d(4, 6, 4, padding="same"),
        "reflected": nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        "circular": nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), "up": nn.ConvTranspose2d(4, 6, 4, 2, 1, bias=False),
        "grouped_up": nn.ConvTranspose2d(4, 8, 3, 2, 1, output_padding=1, groups=2),
    }
    return Call(lambda self, x: [getattr(self, name)(x) for name in layers], **layers), (rand(2, 4, 11, 13),)


@block
def convolutions_of_other_ranks() -> Block:
    def forward(self, x, y):
        return [self.one(x), self.up_one(x), self.three(y), self.up_three(y)]

    return Call(forward, one=nn.Conv1d(3, 6, 5, 2, 2, dilation=2, groups=3), up_one=nn.ConvTranspose1d(3, 4, 8, 4, 2),
                three=nn.Conv3d(2, 4, 3, (1, 2, 2), 1), up_three=nn.ConvTranspose3d(2, 3, 3, 2, 1, output_padding=1)), (
        rand(2, 3, 30), rand(1, 2, 4, 6, 6))


@block
def normalizations() -> Block:
    def forward(self, x):
        return [self.batch(x), self.group(x), self.instance(x), self.layer(x), self.local(x), F.rms_norm(x, (7,)), self.affine(x)]

    batch = nn.BatchNorm2d(6)
    batch.running_mean.normal_()
    batch.running_var.uniform_(0.5, 2)
    return Call(forward, batch=batch, group=nn.GroupNorm(3, 6), instance=nn.InstanceNorm2d(6), layer=nn.LayerNorm((5, 7)),
                local=nn.LocalResponseNorm(3), affine=nn.InstanceNorm2d(6, affine=True)), (rand(2, 6, 5, 7),)


@block
def spectral_normalization() -> Block:
    return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 6, 3)), nn.LeakyReLU()), (rand(1, 3, 8, 8),)


@block
def recurrent_states() -> Block:
    def forward(self, x, h, c):
        y, (hn, cn) = self.lstm(x, (h, c))
        z, gn = self.gru(y)
        return y, hn, cn, z, gn

    return Call(forward, lstm=nn.LSTM(6, 5), gru=nn.GRU(5, 4, bidirectional=True)), (rand(7, 2, 6), rand(1, 2, 5), rand(1, 2, 5))


@block
def embeddings() -> Block:
    def forward(self, index):
        return [self.table(index), self.padded(index), F.one_hot(index, 10), self.table.weight[index]]

    return Call(forward, table=nn.Embedding(10, 4), padded=nn.Embedding(10, 3, padding_idx=0)), (torch.tensor([[1, 2, 0], [9, 5, 1]]),)


@block
def losses() -> Block:
    def forward(self, x, y, label):
        return [F.mse_loss(x, y), F.l1_loss(x, y), F.smooth_l1_loss(x, y), F.huber_loss(x, y), F.cross_entropy(x, label),
                F.nll_loss(F.log_softmax(x, 1), label), F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction="sum"),
                F.binary_cross_entropy_with_logits(x, torch.sigmoid(y)), F.mse_loss(x, y, reduction="none")]

    return Call(forward), (rand(4, 6), rand(4, 6), torch.tensor([1, 0, 5, 2]))


@block
def folding() -> Block:
    return of(lambda x: [F.unfold(x, 3, padding=1, stride=2), F.fold(F.unfold(x, 3, padding=1), (8, 8), 3, padding=1), x.unfold(2, 3, 2)],
              rand(1, 2, 8, 8))


# ---------------------------------------------------------------------------------------------- shapes


@block
def reshaping() -> Block:
    return of(lambda x: [x.view(2, -1), x.flatten(1), x.unflatten(2, (2, 2)), x.permute(2, 0, 1), x.transpose(0, 1), x.squeeze(),
                         x[:, None], x.unsqueeze(-1).expand(2, 3, 4, 5), x.repeat(1, 2, 1), x.movedim(0, 2), x.swapaxes(0, 2),
                         x.reshape(-1, 6), x.contiguous().view(-1)], rand(2, 3, 4))


@block
def joining() -> Block:
    return of(lambda x, y: [torch.cat([x, y], 1), torch.stack([x, y], 1), *x.chunk(2, 1), *x.split([1, 3], 1), *x.unbind(0),
                            torch.hstack([x, y]), torch.vstack([x, y]), torch.tile(x, (2, 1)), *torch.tensor_split(x, 3, 1)],
              rand(3, 4), rand(3, 4))


@block
def slicing() -> Block:
    return of(lambda x: [x[:, 1:-1], x[..., ::2], x[1], x[:, -1], x.narrow(1, 1, 2), x.select(2, 3), x.index_select(1, torch.tensor([2, 0])),
                         torch.flip(x, (0, 2)), torch.rot90(x, 1, (1, 2)), x.roll((1, 2), (0, 2)), x.diagonal(dim1=1, dim2=2),
                         x[:, [0, 2]], x[x.shape[0] - 1 :]], rand(2, 3, 5))


@block
def masks() -> Block:
    return of(lambda x: [x.tril(), x.triu(1), torch.where(x > 0, x, torch.zeros_like(x)), x.masked_fill(x > 0.5, -1e4), x[x > 0],
                         torch.nonzero(x > 0), torch.masked_select(x, x < 0), torch.tril(torch.ones(5, 5)), torch.eye(4),
                         torch.diag(x[0])], rand(5, 6))


@block
def constants() -> Block:
    return of(lambda x: [torch.arange(x.shape[1]), torch.linspace(-1, 1, 7), torch.zeros(x.shape), torch.ones_like(x), torch.full((2, 3), 4.5),
                         torch.stack(torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")), torch.arange(0, 5, 0.5),
                         x.new_zeros(2, 2), torch.full_like(x, 2)], rand(2, 5))


@block
def sorting() -> Block:
    return of(lambda x: [*x.sort(1), *x.topk(3, 1), *x.topk(2, 0, largest=False), x.argsort(1, descending=True), *x.max(1), *x.min(0),
                         x.argmax(), x.argmin(0, keepdim=True), *x.kthvalue(2, 1), torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0]))],
              rand(4, 6))


@block
def uniqueness() -> Block:
    return of(lambda x: torch.unique(x, return_inverse=True, return_counts=True), torch.tensor([3, 1, 2, 3, 3, 1, 9]))


@block
def scattering() -> Block:
    def forward(self, x, index, values):
        return [x.scatter(1, index, values), x.scatter_add(1, index, values), x.scatter_reduce(1, index, values, "amax"),
                x.scatter_reduce(1, index, values, "prod"), x.index_add(1, index[0], values), x.index_copy(1, torch.tensor([4, 0]), values),
                x.index_put((torch.tensor([0, 1, 0]), torch.tensor([1, 2, 1])), torch.ones(3), accumulate=True),
                x.gather(1, index), torch.take_along_dim(x, index, 1), x.index_fill(1, index[0], 7.0)]

    return Call(forward), (rand(3, 5), torch.tensor([[0, 4], [1, 1], [3, 2]]), rand(3, 2))


@block
def sums() -> Block:
    return of(lambda x: [x.sum(), x.sum((0, 2)), x.mean(1, keepdim=True), x.prod(1), x.cumsum(2), x.std(1), x.var((0, 1), unbiased=False),
                         x.norm(1, dim=2), x.norm(2), x.abs().amax((1, 2)), x.logsumexp((0, 1)), torch.logcumsumexp(x, 1),
                         *torch.std_mean(x, 1), *torch.var_mean(x, (1, 2)), x.count_nonzero(1), torch.diff(x, dim=1)], rand(3, 4, 5))


@block
def cumulative_product() -> Block:
    return of(lambda x: x.cumprod(1), rand(3, 5))


@block
def padding_kinds() -> Block:
    return of(lambda x: [F.pad(x, (1, -1, 2, 0)), F.pad(x, (2, 1, 1, 2), mode="circular"), F.pad(x, (1, 1), value=-3.0), F.pad(x[0], (1, 2), mode="reflect"),
                         F.pad(x, (3, 0, 0, 1), mode="replicate"), F.pad(x[None], (1, 1, 1, 1, 1, 1), mode="replicate")], rand(2, 3, 5, 6))


@block
def interpolations_of_other_ranks() -> Block:
    return of(lambda x, y: [F.interpolate(x, scale_factor=2.5, mode="linear"), F.interpolate(x, size=7, mode="nearest"),
                            F.interpolate(y, scale_factor=2, mode="trilinear"), F.interpolate(y, size=(3, 5, 7), mode="trilinear", align_corners=True),
                            F.interpolate(y, scale_factor=(1, 2, 2), mode="nearest")], rand(1, 2, 9), rand(1, 2, 4, 5, 6))


# ---------------------------------------------------------------------------------------------- signals


@block
def fourier_1d() -> Block:
    def forward(self, x):
        z = torch.fft.rfft(x)
        full = torch.fft.fft(torch.complex(x, x.flip(1)))
        return torch.view_as_real(z), torch.fft.irfft(z, n=x.shape[1]), torch.view_as_real(full), z.abs()

    return Call(forward), (rand(2, 16),)


@block
def short_time_fourier() -> Block:
    return of(lambda x: torch.stft(x, 32, 8, 24, window=torch.hamming_window(24), center=True, pad_mode="reflect", return_complex=True).abs(),
              rand(2, 256))


@block
def inverse_short_time_fourier() -> Block:
    def forward(self, x):
        window = torch.hann_window(32)
        z = torch.stft(x, 32, 8, window=window, return_complex=True)
        return torch.istft(z, 32, 8, window=window, length=x.shape[1])

    return Call(forward), (rand(1, 256),)


@block
def fake_quantization() -> Block:
    def forward(self, x):
        return [torch.fake_quantize_per_tensor_affine(x, 0.05, 10, 0, 255), torch.fake_quantize_per_tensor_affine(x, 0.03, 0, -128, 127),
                torch.fake_quantize_per_channel_affine(x, torch.tensor([0.02, 0.05, 0.1]), torch.tensor([0, 0, 0], dtype=torch.int32), 1, -128, 127)]

    return Call(forward), (rand(2, 3, 4),)


@block
def decomposed_quantization() -> Block:
    """As PyTorch's quantizer of exported programs writes it."""
    import torch.ao.quantization.fx._decomposed  # noqa: F401

    quantize, dequantize = torch.ops.quantized_decomposed.quantize_per_tensor, torch.ops.quantized_decomposed.dequantize_per_tensor

    def forward(self, x):
        levels = quantize(x, 0.05, 10, 0, 255, torch.uint8)
        signed = quantize(x, 0.03, 0, -128, 127, torch.int8)
        return levels, dequantize(levels, 0.05, 10, 0, 255, torch.uint8), dequantize(signed, 0.03, 0, -128, 127, torch.int8)

    return Call(forward), (rand(2, 3, 4),)
