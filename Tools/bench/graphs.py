#!/usr/bin/env python3
"""Representative talking-head graphs with random weights, exported to ONNX: what runtimes.py times.

  python graphs.py --out DIR [--only name,name] [--list]

Each graph writes NAME.onnx and NAME.npz (named float32 inputs).  `flops(path)` counts
2*MAC of Conv/ConvTranspose/Gemm/MatMul from inferred shapes (nothing else is counted).
"""
import argparse, os, sys
import numpy as np

# ---------------------------------------------------------------- flops (no torch needed)
def flops(path):
    import onnx
    from onnx import shape_inference
    m = shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    sh = {}
    for v in list(m.graph.value_info) + list(m.graph.input) + list(m.graph.output):
        sh[v.name] = [d.dim_value for d in v.type.tensor_type.shape.dim]
    for t in m.graph.initializer:
        sh[t.name] = list(t.dims)
    for n in m.graph.node:
        if n.op_type == "Constant":
            for a in n.attribute:
                if a.name == "value":
                    sh[n.output[0]] = list(a.t.dims)
    tot = 0
    per = {}
    for n in m.graph.node:
        f = 0
        try:
            if n.op_type == "Conv":
                w = sh[n.input[1]]
                f = 2 * int(np.prod(sh[n.output[0]])) * int(np.prod(w[1:]))
            elif n.op_type == "ConvTranspose":
                w = sh[n.input[1]]
                f = 2 * int(np.prod(sh[n.input[0]])) * int(np.prod(w[1:]))
            elif n.op_type == "MatMul":
                f = 2 * int(np.prod(sh[n.output[0]])) * sh[n.input[0]][-1]
            elif n.op_type == "Gemm":
                ta = [a.i for a in n.attribute if a.name == "transA"]
                k = sh[n.input[0]][0 if (ta and ta[0]) else -1]
                f = 2 * int(np.prod(sh[n.output[0]])) * k
        except KeyError:
            pass
        if f:
            per[n.op_type] = per.get(n.op_type, 0) + f
        tot += f
    return tot, per


def _build():
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    # ------------------------------------------------------------ (i) Wav2Lip layout
    class CBR(nn.Module):
        def __init__(s, ci, co, k, st, p, res=False):
            super().__init__()
            s.c = nn.Conv2d(ci, co, k, st, p); s.b = nn.BatchNorm2d(co); s.res = res
        def forward(s, x):
            y = s.b(s.c(x))
            return F.relu(y + x) if s.res else F.relu(y)

    class TBR(nn.Module):
        def __init__(s, ci, co, k, st, p, op=0):
            super().__init__()
            s.c = nn.ConvTranspose2d(ci, co, k, st, p, op); s.b = nn.BatchNorm2d(co)
        def forward(s, x):
            return F.relu(s.b(s.c(x)))

    class Wav2LipG(nn.Module):
        def __init__(s):
            super().__init__()
            S = nn.Sequential
            r = lambda c, n: [CBR(c, c, 3, 1, 1, True) for _ in range(n)]
            s.face = nn.ModuleList([
                S(CBR(6, 16, 7, 1, 3)),
                S(CBR(16, 32, 3, 2, 1), *r(32, 2)),
                S(CBR(32, 64, 3, 2, 1), *r(64, 3)),
                S(CBR(64, 128, 3, 2, 1), *r(128, 2)),
                S(CBR(128, 256, 3, 2, 1), *r(256, 2)),
                S(CBR(256, 512, 3, 2, 1), *r(512, 1)),
                S(CBR(512, 512, 3, 1, 0), CBR(512, 512, 1, 1, 0))])
            s.audio = S(CBR(1, 32, 3, 1, 1), *r(32, 2), CBR(32, 64, 3, (3, 1), 1), *r(64, 2),
                        CBR(64, 128, 3, 3, 1), *r(128, 2), CBR(128, 256, 3, (3, 2), 1), *r(256, 1),
                        CBR(256, 512, 3, 1, 0), CBR(512, 512, 1, 1, 0))
            s.dec = nn.ModuleList([
                S(CBR(512, 512, 1, 1, 0)),
                S(TBR(1024, 512, 3, 1, 0), *r(512, 1)),
                S(TBR(1024, 512, 3, 2, 1, 1), *r(512, 2)),
                S(TBR(768, 384, 3, 2, 1, 1), *r(384, 2)),
                S(TBR(512, 256, 3, 2, 1, 1), *r(256, 2)),
                S(TBR(320, 128, 3, 2, 1, 1), *r(128, 2)),
                S(TBR(160, 64, 3, 2, 1, 1), *r(64, 2))])
            s.out = S(CBR(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())
        def forward(s, audio, face):
            fs, x = [], face
            for b in s.face:
                x = b(x); fs.append(x)
            x = s.audio(audio)
            for b in s.dec:
                x = torch.cat([b(x), fs.pop()], 1)
            return s.out(x)

    # ------------------------------------------------------------ (ii) mobile audio->mouth UNet
    class InvRes(nn.Module):
        def __init__(s, ci, co, st, t=2):
            super().__init__()
            h = ci * t; s.res = st == 1 and ci == co
            s.m = nn.Sequential(nn.Conv2d(ci, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU(),
                                nn.Conv2d(h, h, 3, st, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU(),
                                nn.Conv2d(h, co, 1, bias=False), nn.BatchNorm2d(co))
        def forward(s, x):
            return x + s.m(x) if s.res else s.m(x)

    class Dbl(nn.Module):
        def __init__(s, ci, co, st=1):
            super().__init__()
            s.a = InvRes(ci, co, st); s.b = InvRes(co, co, 1)
        def forward(s, x):
            return s.b(s.a(x))

    class MobileUNet(nn.Module):
        def __init__(s, ch=(32, 64, 128, 256, 512)):
            super().__init__()
            s.inc = Dbl(6, ch[0])
            s.dn = nn.ModuleList([Dbl(ch[i], ch[i + 1], 2) for i in range(4)])
            s.au = nn.Sequential(Dbl(32, 64, 1), nn.Conv2d(64, 128, 3, 2, 1), nn.BatchNorm2d(128), nn.ReLU(),
                                 Dbl(128, 256, 1), nn.Conv2d(256, 256, 3, 2, 2), nn.BatchNorm2d(256), nn.ReLU(),
                                 Dbl(256, 512, 1))
            s.fu = nn.Sequential(Dbl(1024, 512), Dbl(512, 512))
            s.up = nn.ModuleList([Dbl(ch[i + 1] + ch[i], ch[i]) for i in (3, 2, 1, 0)])
            s.o = nn.Conv2d(ch[0], 3, 1)
        def forward(s, face, feat):
            xs = [s.inc(face)]
            for d in s.dn:
                xs.append(d(xs[-1]))
            a = F.interpolate(s.au(feat), size=(10, 10), mode="nearest")
            x = s.fu(torch.cat([xs[-1], a], 1))
            for i, u in enumerate(s.up):
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
                x = u(torch.cat([x, xs[3 - i]], 1))
            return torch.sigmoid(s.o(x))

    # ------------------------------------------------------------ (iii) warp + SPADE decoder
    class SPADE(nn.Module):
        def __init__(s, c, lab, hid):
            super().__init__()
            s.n = nn.InstanceNorm2d(c); s.sh = nn.Conv2d(lab, hid, 3, 1, 1)
            s.g = nn.Conv2d(hid, c, 3, 1, 1); s.b = nn.Conv2d(hid, c, 3, 1, 1)
        def forward(s, x, seg):
            if seg.shape[-1] != x.shape[-1]:
                seg = F.interpolate(seg, size=x.shape[2:], mode="nearest")
            h = F.relu(s.sh(seg))
            return s.n(x) * (1 + s.g(h)) + s.b(h)

    class SPRes(nn.Module):
        def __init__(s, ci, co, lab, hid):
            super().__init__()
            m = min(ci, co); s.sc = ci != co
            s.c0 = nn.Conv2d(ci, m, 3, 1, 1); s.c1 = nn.Conv2d(m, co, 3, 1, 1)
            s.n0 = SPADE(ci, lab, hid); s.n1 = SPADE(m, lab, hid)
            if s.sc:
                s.cs = nn.Conv2d(ci, co, 1, bias=False); s.ns = SPADE(ci, lab, hid)
        def forward(s, x, seg):
            r = s.cs(s.ns(x, seg)) if s.sc else x
            y = s.c0(F.leaky_relu(s.n0(x, seg), 0.2))
            y = s.c1(F.leaky_relu(s.n1(y, seg), 0.2))
            return r + y

    class WarpSPADE(nn.Module):
        def __init__(s, warp=True, ch=256, lab=128, hid=64, nb=2):
            super().__init__()
            s.warp = warp
            s.third = nn.Sequential(nn.Conv2d(512, lab, 3, 1, 1), nn.BatchNorm2d(lab), nn.LeakyReLU(0.01))
            s.fourth = nn.Conv2d(lab, lab, 1)
            s.fc = nn.Conv2d(lab, ch, 3, 1, 1)
            s.mid = nn.ModuleList([SPRes(ch, ch, lab, hid) for _ in range(nb)])
            s.u0 = SPRes(ch, ch // 2, lab, hid); s.u1 = SPRes(ch // 2, 64, lab, hid)
            s.img = nn.Conv2d(64, 12, 3, 1, 1)
        def forward(s, vol, grid, occ):
            if s.warp:
                v = F.grid_sample(vol, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            else:
                v = vol
            x = v.reshape(1, 512, 64, 64)
            f = s.fourth(s.third(x)) * occ
            x = s.fc(f)
            for b in s.mid:
                x = b(x, f)
            x = F.interpolate(x, scale_factor=2, mode="nearest"); x = s.u0(x, f)
            x = s.u1(x, f)
            x = s.img(F.leaky_relu(x, 0.2))
            return torch.sigmoid(F.pixel_shuffle(x, 2))

    # ------------------------------------------------------------ (iv) latent UNet
    class RB(nn.Module):
        def __init__(s, ci, co, te):
            super().__init__()
            s.n1 = nn.GroupNorm(32, ci); s.c1 = nn.Conv2d(ci, co, 3, 1, 1); s.t = nn.Linear(te, co)
            s.n2 = nn.GroupNorm(32, co); s.c2 = nn.Conv2d(co, co, 3, 1, 1)
            s.sk = nn.Conv2d(ci, co, 1) if ci != co else nn.Identity()
        def forward(s, x, t):
            h = s.c1(F.silu(s.n1(x))) + s.t(F.silu(t))[:, :, None, None]
            return s.c2(F.silu(s.n2(h))) + s.sk(x)

    class Att(nn.Module):
        def __init__(s, c, ctx, h):
            super().__init__()
            s.h = h; s.q = nn.Linear(c, c, bias=False); s.k = nn.Linear(ctx, c, bias=False)
            s.v = nn.Linear(ctx, c, bias=False); s.o = nn.Linear(c, c)
        def forward(s, x, y):
            B, N, C = x.shape; M = y.shape[1]; d = C // s.h
            q = s.q(x).reshape(B, N, s.h, d).transpose(1, 2)
            k = s.k(y).reshape(B, M, s.h, d).permute(0, 2, 3, 1)
            v = s.v(y).reshape(B, M, s.h, d).transpose(1, 2)
            a = torch.softmax(torch.matmul(q, k) * (d ** -0.5), -1)
            return s.o(torch.matmul(a, v).transpose(1, 2).reshape(B, N, C))

    class TB(nn.Module):
        def __init__(s, c, ctx, h):
            super().__init__()
            s.gn = nn.GroupNorm(32, c); s.pi = nn.Conv2d(c, c, 1); s.po = nn.Conv2d(c, c, 1)
            s.l1, s.l2, s.l3 = nn.LayerNorm(c), nn.LayerNorm(c), nn.LayerNorm(c)
            s.a1, s.a2 = Att(c, c, h), Att(c, ctx, h)
            s.f1, s.f2 = nn.Linear(c, 8 * c), nn.Linear(4 * c, c)
        def forward(s, x, ctx):
            B, C, H, W = x.shape
            y = s.pi(s.gn(x)).reshape(B, C, H * W).transpose(1, 2)
            z = s.l1(y); y = y + s.a1(z, z); y = y + s.a2(s.l2(y), ctx)
            a, g = s.f1(s.l3(y)).chunk(2, -1); y = y + s.f2(a * F.gelu(g))
            return s.po(y.transpose(1, 2).reshape(B, C, H, W)) + x

    class UNet(nn.Module):
        def __init__(s, ch=(128, 256, 384, 384), ctx=384, heads=8, te=512):
            super().__init__()
            s.ti = nn.Sequential(nn.Linear(ch[0], te), nn.SiLU(), nn.Linear(te, te))
            s.ci = nn.Conv2d(8, ch[0], 3, 1, 1)
            s.dn, sk, c = nn.ModuleList(), [ch[0]], ch[0]
            for i, o in enumerate(ch):
                m = nn.ModuleDict({"r": RB(c, o, te)}); c = o; sk.append(c)
                if i < 3: m["a"] = TB(o, ctx, heads)
                if i < 3: m["d"] = nn.Conv2d(o, o, 3, 2, 1); sk.append(c)
                s.dn.append(m)
            s.m1, s.ma, s.m2 = RB(c, c, te), TB(c, ctx, heads), RB(c, c, te)
            s.up = nn.ModuleList()
            for i, o in reversed(list(enumerate(ch))):
                m = nn.ModuleDict({"r0": RB(c + sk.pop(), o, te), "r1": RB(o + sk.pop(), o, te)}); c = o
                if i < 3: m["a0"] = TB(o, ctx, heads); m["a1"] = TB(o, ctx, heads)
                if i > 0: m["u"] = nn.Conv2d(o, o, 3, 1, 1)
                s.up.append(m)
            s.no = nn.GroupNorm(32, c); s.co = nn.Conv2d(c, 4, 3, 1, 1)
        def forward(s, lat, emb, ctx):
            t = s.ti(emb); x = s.ci(lat); hs = [x]
            for m in s.dn:
                x = m["r"](x, t)
                if "a" in m: x = m["a"](x, ctx)
                hs.append(x)
                if "d" in m: x = m["d"](x); hs.append(x)
            x = s.m2(s.ma(s.m1(x, t), ctx), t)
            for m in s.up:
                for j in "01":
                    x = m["r" + j](torch.cat([x, hs.pop()], 1), t)
                    if "a" + j in m: x = m["a" + j](x, ctx)
                if "u" in m: x = m["u"](F.interpolate(x, scale_factor=2, mode="nearest"))
            return s.co(F.silu(s.no(x)))

    # ------------------------------------------------------------ (v) wav2vec2-like
    class Enc(nn.Module):
        def __init__(s, c, h, f):
            super().__init__()
            s.a = Att(c, c, h); s.l1 = nn.LayerNorm(c); s.l2 = nn.LayerNorm(c)
            s.f1 = nn.Linear(c, f); s.f2 = nn.Linear(f, c)
        def forward(s, x):
            x = s.l1(x + s.a(x, x)); return s.l2(x + s.f2(F.gelu(s.f1(x))))

    class W2V(nn.Module):
        def __init__(s, c=768, layers=4):
            super().__init__()
            ks, st = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
            s.f = nn.ModuleList([nn.Conv1d(1 if i == 0 else 512, 512, ks[i], st[i], bias=False) for i in range(7)])
            s.gn = nn.GroupNorm(512, 512); s.ln = nn.LayerNorm(512); s.pj = nn.Linear(512, c)
            s.pc = nn.Conv1d(c, c, 128, padding=64, groups=16); s.l0 = nn.LayerNorm(c)
            s.e = nn.ModuleList([Enc(c, 12, 4 * c) for _ in range(layers)])
        def forward(s, wav):
            x = wav[:, None]
            for i, c in enumerate(s.f):
                x = c(x)
                if i == 0: x = s.gn(x)
                x = F.gelu(x)
            x = s.pj(s.ln(x.transpose(1, 2)))
            p = F.gelu(s.pc(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
            x = s.l0(x + p)
            for e in s.e:
                x = e(x)
            return x

    # ------------------------------------------------------------ (vi) NeRF MLP + composite
    class Nerf(nn.Module):
        def __init__(s, rays=4096, n=16):
            super().__init__()
            s.R, s.n = rays, n
            s.a, s.b, s.c = nn.Linear(32, 64), nn.Linear(64, 64), nn.Linear(64, 16)
            s.d, s.e, s.g = nn.Linear(31, 64), nn.Linear(64, 64), nn.Linear(64, 3)
        def forward(s, feat, sh, dt):
            h = s.c(F.relu(s.b(F.relu(s.a(feat)))))
            sig = torch.exp(h[:, :1].clamp(max=8.0)).reshape(s.R, s.n)
            rgb = torch.sigmoid(s.g(F.relu(s.e(F.relu(s.d(torch.cat([sh, h[:, 1:]], 1)))))))
            tau = sig * dt
            acc = torch.cumsum(tau, 1) - tau
            w = (1 - torch.exp(-tau)) * torch.exp(-acc)
            return (w.unsqueeze(-1) * rgb.reshape(s.R, s.n, 3)).sum(1)

    def warp_grid(rng):
        z, y, x = np.meshgrid(np.linspace(-1, 1, 16), np.linspace(-1, 1, 64), np.linspace(-1, 1, 64), indexing="ij")
        g = np.stack([x, y, z], -1)[None].astype(np.float32)
        return g + 0.08 * rng.standard_normal(g.shape).astype(np.float32)

    R = lambda rng, *s: rng.standard_normal(s).astype(np.float32)
    U = lambda rng, *s: rng.random(s).astype(np.float32)
    def w2l(n):
        return lambda rng: (Wav2LipG(), dict(audio=R(rng, n, 1, 80, 16), face=U(rng, n, 6, 96, 96)), 17)
    return {
        "w2l_b1": w2l(1), "w2l_b16": w2l(16),
        "mobile160": lambda rng: (MobileUNet(), dict(face=U(rng, 1, 6, 160, 160), feat=R(rng, 1, 32, 32, 32)), 17),
        "lp256": lambda rng: (WarpSPADE(True), dict(vol=R(rng, 1, 32, 16, 64, 64), grid=warp_grid(rng), occ=U(rng, 1, 1, 64, 64)), 20),
        "lp256_dec": lambda rng: (WarpSPADE(False), dict(vol=R(rng, 1, 32, 16, 64, 64), occ=U(rng, 1, 1, 64, 64)), 17),
        "unet32": lambda rng: (UNet(), dict(lat=R(rng, 1, 8, 32, 32), emb=R(rng, 1, 128), ctx=R(rng, 1, 50, 384)), 17),
        "w2v_1s": lambda rng: (W2V(), dict(wav=R(rng, 1, 16000)), 17),
        "nerf64k": lambda rng: (Nerf(), dict(feat=R(rng, 65536, 32), sh=R(rng, 65536, 16), dt=0.05 + 0.0 * U(rng, 4096, 16)), 17),
    }


def export(out, only=None):
    import torch, onnx
    os.makedirs(out, exist_ok=True)
    for name, mk in _build().items():
        if only and name not in only:
            continue
        torch.manual_seed(0)
        rng = np.random.default_rng(0)
        m, ins, opset = mk(rng)
        # non-trivial BN statistics so that folding is really exercised
        for b in m.modules():
            if isinstance(b, torch.nn.BatchNorm2d):
                b.running_mean.normal_(0, 0.1); b.running_var.uniform_(0.5, 1.5)
        m.eval()
        if name == "lp256_dec":   # no grid input in the signature
            f = m.forward
            m.forward = lambda vol, occ: f(vol, None, occ)
        p = os.path.join(out, name + ".onnx")
        with torch.no_grad():
            torch.onnx.export(m, tuple(torch.from_numpy(v) for v in ins.values()), p, opset_version=opset,
                              input_names=list(ins), output_names=["out"], do_constant_folding=True, dynamo=False)
        mm = onnx.shape_inference.infer_shapes(onnx.load(p), data_prop=True)
        onnx.save(mm, p)
        np.savez(os.path.join(out, name + ".npz"), **ins)
        np_ = sum(x.numel() for x in m.parameters())
        fl, per = flops(p)
        print(f"{name:10s} params {np_/1e6:7.2f}M  GFLOP {fl/1e9:8.3f}  " + " ".join(f"{k}:{v/1e9:.2f}" for k, v in per.items()), flush=True)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default="graphs"); ap.add_argument("--only"); ap.add_argument("--list", action="store_true")
    a = ap.parse_args()
    if a.list:
        print("\n".join(_build())); sys.exit()
    export(a.out, a.only.split(",") if a.only else None)
