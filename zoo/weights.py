"""Made-up weights that behave like trained ones as far as folding and quantization can see:
no constant tensors, channels of different size, activations of unit scale (batch
normalization's statistics come from a forward pass over noise with the spectrum of natural
pictures), and no residual branch so small that it could be left out."""

import math

import torch
from torch import nn

norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def natural_noise(count, size, generator):
    """Normalised pictures whose amplitudes fall as 1 / frequency, of different light and contrast."""
    fy = torch.fft.fftfreq(size)[:, None]
    fx = torch.fft.rfftfreq(size)[None]
    falling = 1 / torch.sqrt(fy * fy + fx * fx + 1 / size**2)
    white = torch.randn(count, 3, size, size, generator=generator)
    white = 0.8 * white.mean(1, keepdim=True) * math.sqrt(3) + 0.6 * white
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * falling, s=(size, size))
    noise = noise - noise.mean((2, 3), keepdim=True)
    noise = noise / noise.std((1, 2, 3), keepdim=True)
    contrast = torch.exp(0.4 * torch.randn(count, 1, 1, 1, generator=generator))
    return contrast * noise + 0.7 * torch.randn(count, 3, 1, 1, generator=generator)


def spread(shape, generator, middle=1.0, factor=0.35):
    """Positive numbers around the middle, log-normal."""
    return middle * torch.exp(factor * torch.randn(shape, generator=generator))


def fill_linear(module, generator):
    weight = module.weight
    per_output = weight[0].numel()
    channels = spread((weight.shape[0],) + (1,) * (weight.dim() - 1), generator)
    weight.copy_(torch.randn(weight.shape, generator=generator) * channels * math.sqrt(1.6 / per_output))
    if module.bias is not None:
        module.bias.copy_(0.2 * torch.randn(module.bias.shape, generator=generator))


def fill_norm(module, generator):
    if module.weight is not None:
        module.weight.copy_(spread(module.weight.shape, generator, 0.9))
    if module.bias is not None:
        module.bias.copy_(0.3 * torch.randn(module.bias.shape, generator=generator))


def fill_other(name, parameter, generator):
    """Layer scales, temperatures and attention biases, which are parameters of blocks."""
    last = name.rsplit(".", 1)[-1]
    if "gamma" in last or "scale" in last or "temperature" in last:
        parameter.copy_(spread(parameter.shape, generator, 0.6))
    else:
        parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator))


def tame(module, inputs, output):
    """Gates and classifiers read one value a channel and no normalization follows: their weights
    are scaled so that gates stay half open and logits have a usual size. Gates that saturate would silence channels on
    these pictures which others wake, and the statistics behind them would be worth nothing."""
    if output.dim() == 4 and output.shape[2:] != (1, 1) or module.bias is None or output.dim() == 3:
        return output
    bias = module.bias.view(-1, *([1] * (output.dim() - 2)))
    centred = output - bias
    factor = (0.25 if isinstance(module, nn.Conv2d) else 2) / centred.std()
    module.weight.mul_(factor)
    return centred * factor + bias


def measure(module, inputs):
    """Statistics of the very pictures. A channel that hardly varies on them keeps a tenth of the
    others' variance, and one whose mean is large against it a part of that: on other pictures it would come out enormous otherwise."""
    axes = [axis for axis in range(inputs[0].dim()) if axis != 1]
    variance, mean = torch.var_mean(inputs[0], axes)
    module.running_mean.copy_(mean)
    module.running_var.copy_(torch.maximum(variance, 0.1 * variance.median() + 0.05 * mean**2))


@torch.no_grad()
def make_up(model, seed, size=224, pictures=16):
    generator = torch.Generator().manual_seed(seed)
    filled = set()
    for name, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fill_linear(module, generator)
        elif isinstance(module, norms):
            fill_norm(module, generator)
        else:
            continue
        filled.update(f"{name}.{n}" if name else n for n, _ in module.named_parameters(recurse=False))
    for name, parameter in model.named_parameters():
        if name not in filled:
            fill_other(name, parameter, generator)
    model.eval()
    hooks = [m.register_forward_hook(tame) for m in model.modules()
             if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks += [m.register_forward_pre_hook(measure) for m in model.modules()
              if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    model(natural_noise(pictures, size, generator))
    for hook in hooks:
        hook.remove()
    return model
