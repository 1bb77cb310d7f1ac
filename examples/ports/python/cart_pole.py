import math


class CartPole:
    def __init__(self):
        self.state, self.episodes = (0.0, 0.0, 0.0, 0.0), 0

    def reset(self):
        self.episodes += 1
        offset = 0.01 * (self.episodes % 5)
        self.state = (offset, 0.0, -offset, 0.0)
        return self.state

    def step(self, action):
        x, v, angle, turn = self.state
        push = 10.0 if action == 1 else -10.0
        sin, cos = math.sin(angle), math.cos(angle)
        mass = 1.0 + 0.1
        pull = (push + 0.1 * 0.5 * turn * turn * sin) / mass
        turning = (9.8 * sin - cos * pull) / (0.5 * (4 / 3 - (0.1 * cos * cos) / mass))
        speeding = pull - (0.1 * 0.5 * turning * cos) / mass
        self.state = (x + 0.02 * v, v + 0.02 * speeding, angle + 0.02 * turn, turn + 0.02 * turning)
        return self.state, 1.0, abs(self.state[0]) > 2.4 or abs(self.state[2]) > 12 * math.pi / 180
