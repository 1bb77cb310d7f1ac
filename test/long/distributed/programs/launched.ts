import torch from '../../../../lib/index.js';

const { distributed: d } = torch;
await d.initProcessGroup({ timeout: 60 });
const t = torch.tensor([d.getRank() + 1]);
await d.allReduce(t);
console.log(`rank ${d.getRank()} of ${d.getWorldSize()}, local ${d.getNodeLocalRank()}: ${t.item()}`);
await d.destroyProcessGroup();
