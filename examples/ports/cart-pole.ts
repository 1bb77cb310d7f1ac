// A pole on a cart that is pushed left or right: Barto, Sutton & Anderson, "Neuronlike adaptive elements that can solve difficult learning
// control problems", 1983.
const gravity = 9.8;
const cartMass = 1;
const poleMass = 0.1;
const halfLength = 0.5;
const force = 10;
const interval = 0.02;

export type State = [position: number, speed: number, angle: number, turn: number];

export class CartPole {
  #state: State = [0, 0, 0, 0];
  #episodes = 0;

  /** Begins an episode; each starts a little further to the side. */
  reset(): State {
    const offset = 0.01 * (++this.#episodes % 5);
    this.#state = [offset, 0, -offset, 0];
    return this.#state;
  }

  /** Pushes for one interval; the episode has ended when the pole or the cart is too far out. */
  step(action: number): { state: State; reward: number; done: boolean } {
    const [x, v, angle, turn] = this.#state;
    const push = action === 1 ? force : -force;
    const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
    const mass = cartMass + poleMass;
    const pull = (push + poleMass * halfLength * turn * turn * sin) / mass;
    const turning = (gravity * sin - cos * pull) / (halfLength * (4 / 3 - (poleMass * cos * cos) / mass));
    const speeding = pull - (poleMass * halfLength * turning * cos) / mass;
    this.#state = [x + interval * v, v + interval * speeding, angle + interval * turn, turn + interval * turning];
    const done = Math.abs(this.#state[0]) > 2.4 || Math.abs(this.#state[2]) > (12 * Math.PI) / 180;
    return { state: this.#state, reward: 1, done };
  }
}
