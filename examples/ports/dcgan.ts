// A generator of pictures and a discriminator that train against each other: transposed convolutions, batch norms, two optimizers.
import torch, { nn, optim, type Tensor } from 'torch-clip';
import { pictures } from './data.js';

const latent = 8;

const generator = () =>
  new nn.Sequential(
    new nn.ConvTranspose2d(latent, 16, 4, { bias: false }),
    new nn.BatchNorm2d(16),
    new nn.ReLU({ inplace: true }),
    new nn.ConvTranspose2d(16, 8, 4, { stride: 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(8),
    new nn.ReLU({ inplace: true }),
    new nn.ConvTranspose2d(8, 3, 4, { stride: 2, padding: 1, bias: false }),
    new nn.Tanh(),
  );

const discriminator = () =>
  new nn.Sequential(
    new nn.Conv2d(3, 8, 4, { stride: 2, padding: 1, bias: false }),
    new nn.LeakyReLU(0.2, { inplace: true }),
    new nn.Conv2d(8, 16, 4, { stride: 2, padding: 1, bias: false }),
    new nn.BatchNorm2d(16),
    new nn.LeakyReLU(0.2, { inplace: true }),
    new nn.Conv2d(16, 1, 4, { bias: false }),
    new nn.Sigmoid(),
    new nn.Flatten(0),
  );

function initialise(module: nn.Module): void {
  if (module instanceof nn.Conv2d || module instanceof nn.ConvTranspose2d) {
    nn.init.normal_(module.weight, { mean: 0, std: 0.02 });
  } else if (module instanceof nn.BatchNorm2d) {
    nn.init.normal_(module.weight!, { mean: 1, std: 0.02 });
    nn.init.zeros_(module.bias!);
  }
}

/** The discriminator's loss and the generator's, one after the other. */
export function train(steps: number): number[] {
  const { images } = pictures(32, 3, 16);
  torch.manualSeed(0);
  const makes = generator().apply(initialise);
  const judges = discriminator().apply(initialise);
  const loss = new nn.BCELoss();
  const options = { lr: 2e-4, betas: [0.5, 0.999] as const };
  const judging = new optim.Adam(judges.parameters(), options);
  const making = new optim.Adam(makes.parameters(), options);
  const [real, fake] = [torch.ones([8]), torch.zeros([8])];
  return Array.from({ length: steps }, (_, step) => {
    const batch: Tensor = images
      .narrow(0, 8 * (step % 4), 8)
      .mul(2)
      .sub(1);
    judging.zeroGrad();
    const onReal = loss.forward(judges.forward(batch), real);
    onReal.backward();
    const made = makes.forward(torch.randn([8, latent, 1, 1]));
    const onFake = loss.forward(judges.forward(made.detach()), fake);
    onFake.backward();
    judging.step();

    making.zeroGrad();
    const fooled = loss.forward(judges.forward(made), real);
    fooled.backward();
    making.step();
    return [onReal.add(onFake).item(), fooled.item()];
  }).flat();
}
