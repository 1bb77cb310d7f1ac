// Compiled, never run: what the declarations of torch.func say of containers.
import torch, { type nn, type Tensor } from '../../lib/index.js';

const { grad, gradAndValue, hessian, jacfwd, jacrev, jvp, linearize, vjp } = torch.func;
declare const t: Tensor;
declare const p: { w: nn.Parameter; layers: [Tensor, Tensor[]] };
declare function loss(params: typeof p, x: Tensor, scale: number): Tensor;
declare function scalar(x: Tensor): Tensor;

const one: { w: Tensor; layers: [Tensor, Tensor[]] } = grad(loss)(p, t, 1);
const second: Tensor = grad(loss, 1)(p, t, 1);
const both: [typeof one, Tensor] = grad(loss, [0, 1])(p, t, 1);
const withOptions: Tensor = grad(loss, { argnums: 1 })(p, t, 1);
const [gradient, value]: [typeof one, Tensor] = gradAndValue(loss)(p, t, 1);
const [g, aux]: [Tensor, { y: Tensor; n: number }] = grad((x: Tensor) => [x, { y: x, n: 1 }] as const, {
  hasAux: true,
})(t);
const nested: Tensor = grad(grad(scalar))(t);
const mapped: Tensor = torch.vmap(grad(scalar))(t);
const records: { a: Tensor; b: Tensor[] } = torch.vmap((x: Tensor, _: number) => ({ a: x, b: [x] }), [0, null])(t, 1);
const [y, pull] = vjp((x: Tensor, q: typeof p) => ({ s: x, q }), t, p);
const pulled: [Tensor, typeof one] = pull({ s: y.s, q: y.q });
const [out, tangent]: [Tensor, Tensor] = jvp(scalar, [t], [t]);
const [z, push] = linearize((a: Tensor, b: Tensor) => [a, b], t, t);
const pushed: Tensor[] = push(t, t);
const jacobian: { a: Tensor; b: [Tensor, Tensor] } = jacrev((x: Tensor) => ({ a: x, b: [x, x] as [Tensor, Tensor] }))(
  t,
);
const chunked: Tensor = jacrev(scalar, { chunkSize: 2 })(t);
const random: Tensor = jacfwd(scalar, { randomness: 'same' })(t);
const byRecord: { w: Tensor; layers: [Tensor, Tensor[]] } = jacfwd(loss)(p, t, 1);
const blocks: [[Tensor, Tensor], [Tensor, Tensor]] = hessian((a: Tensor, b: Tensor) => a.mul(b).sum(), [0, 1])(t, t);
const second2: Tensor = hessian(scalar)(t);
export const used = [
  ...[
    one,
    second,
    both,
    withOptions,
    gradient,
    value,
    g,
    aux,
    nested,
    mapped,
    records,
    pulled,
    out,
    tangent,
    z,
    pushed,
  ],
  ...[jacobian, chunked, random, byRecord, blocks, second2],
];

// @ts-expect-error the arguments are those of the function
grad(loss)(t);
// @ts-expect-error the function returns a tensor
grad((x: Tensor) => [x, x]);
// @ts-expect-error the function returns a pair with hasAux
grad(scalar, { hasAux: true });
// @ts-expect-error a wrong name
grad(scalar, { argnum: 1 });
// @ts-expect-error the tangents are nested as the arguments are
jvp(scalar, [t], [[t]]);
// @ts-expect-error an unknown way
torch.vmap(scalar, { randomness: 'none' });
// @ts-expect-error the cotangents are nested as the output is
vjp(scalar, t)[1]([t]);
