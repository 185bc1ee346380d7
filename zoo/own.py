"""Networks that neither timm nor torchvision has."""

import torch
from timm.models import byobnet
from torch import nn


def repvgg_b1g2():
    """RepVGG-B1g2: timm's RepVGG-B1g4 with two groups instead of four in every second block."""
    config = byobnet.ByoModelCfg(
        blocks=byobnet._rep_vgg_bcfg(d=(4, 6, 16, 1), wf=(2, 2, 2, 4), groups=2),
        stem_type="rep", stem_chs=64)
    return byobnet.ByobNet(config)


def unit(width_in, width_out, kernel=1, stride=1, groups=1, relu=False):
    layers = [nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2, groups=groups, bias=False),
              nn.BatchNorm2d(width_out)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class VargBlock(nn.Module):
    """Two group-separable units: a grouped convolution of 8 channels a group that doubles the
    width, and a pointwise one back. No ReLU after the sum."""

    def __init__(self, width_in, width_out, first):
        super().__init__()
        wide = 2 * width_in
        self.first = nn.Sequential(
            unit(width_in, wide, 5 if first else 3, 2 if first else 1, width_in // 8, relu=True),
            unit(wide, width_out))
        self.second = nn.Sequential(
            unit(width_out, 2 * width_out, 3, 1, width_out // 8, relu=True),
            unit(2 * width_out, width_out))
        self.shortcut = (nn.Sequential(nn.AvgPool2d(2), unit(width_in, width_out)) if first
                         else nn.Identity())

    def forward(self, x):
        return self.second(self.first(x)) + self.shortcut(x)


class VargConvNet(nn.Module):
    """A stand-in for VargConvNet (variable group convolution, arXiv:1907.05653): the family's
    blocks and operators at 2.03 M parameters; the published model's widths and depths are
    unknown."""

    def __init__(self, widths=(32, 32, 64, 128, 256), repeats=(2, 2, 3, 1), classes=1000):
        super().__init__()
        half = widths[0] // 2
        self.stem = nn.Sequential(unit(3, half, 3, 2, relu=True), unit(half, half, 3, relu=True),
                                  unit(half, widths[0], 3, relu=True))
        stages = []
        for before, width, count in zip(widths, widths[1:], repeats):
            blocks = [VargBlock(before if i == 0 else width, width, i == 0) for i in range(count)]
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(unit(widths[-1], 1024, relu=True), nn.AvgPool2d(7),
                                  unit(1024, classes))

    def forward(self, x):
        return torch.flatten(self.head(self.stages(self.stem(x))), 1)


def create(name):
    return {"repvgg_b1g2": repvgg_b1g2, "vargconvnet": VargConvNet}[name]()
