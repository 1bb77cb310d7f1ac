import torch


def pictures(n, channels, size):
    g = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 10, [n], generator=g)
    images = torch.rand([n, channels, size, size], generator=g) * 0.5
    for i in range(n):
        label = labels[i].item()
        images[i] += label / 20
        images[i, :, label % size] += 0.25
    return images, labels


def words(n, vocabulary):
    g = torch.Generator().manual_seed(2)
    return (torch.randint(0, 3, [n], generator=g) + 1).cumsum(0) % vocabulary


def columns(text, batch):
    length = len(text) // batch
    return text[: length * batch].view(batch, length).t().contiguous()
