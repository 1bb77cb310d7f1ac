// The functions of `distributed`, each called in a scope that is over before what it returns comes true.
import torch, { type distributed } from '../../lib/index.js';

// A message of a batch is told by its function.
const plain: readonly unknown[] = [torch.distributed.isend, torch.distributed.irecv];

/** The namespace with its functions in scopes of their own; classes stay as they are. */
export const scoped: typeof distributed = new Proxy(torch.distributed, {
  get(namespace, name) {
    const member: unknown = Reflect.get(namespace, name);
    if (typeof member !== 'function' || plain.includes(member) || /^[A-Z]/.test(String(name))) return member;
    return (...args: unknown[]) =>
      torch.scope(() => ({ later: Reflect.apply(member, undefined, args) as unknown })).later;
  },
});
