/** Messages between the primary process and one worker: what is said in one turn of the event loop goes in one piece, in its order. */

/** What one side may be asked: the question and its answer, by name. */
export type Calls = Readonly<Record<string, readonly [question: unknown, answer: unknown]>>;
/** What one side may be told, by name. */
export type Tells = Readonly<Record<string, unknown>>;

type Name<Names> = keyof Names & string;

/** What the other side says is carried out at once, in the order in which it was said. */
export interface Served<AskedOf extends Calls, ToldTo extends Tells> {
  readonly calls: { readonly [K in Name<AskedOf>]: (question: AskedOf[K][0]) => AskedOf[K][1] | Promise<AskedOf[K][1]> };
  readonly tells: { readonly [K in Name<ToldTo>]: (message: ToldTo[K]) => void };
}

/** The way over which whole batches go; `sent` is called when the next one may follow. */
export type Send = (batch: unknown, sent: () => void) => void;

type Packet =
  | readonly [kind: 'tell', name: string, body: unknown]
  | readonly [kind: 'call', name: string, body: unknown, id: number]
  | readonly [kind: 'answer' | 'fault', body: unknown, id: number];

/** So many go in one piece: what waits behind a large configuration does not wait for all of it to be written. */
const MAX_BATCH = 256;

interface Waiting {
  /** Runs in the turn in which the answer comes, before anything that was said after it. */
  received(answer: unknown): void;
  failed(error: Error): void;
}

/** One end. The other end may ask `AskedOf` and tell `ToldTo`; this end asks `Asks` and tells `Says`. */
export class Channel<Asks extends Calls, Says extends Tells, AskedOf extends Calls, ToldTo extends Tells> {
  readonly #send: Send;
  readonly #served: Served<AskedOf, ToldTo>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #queue: Packet[] = [];
  #isBusy = false;
  #lastId = 0;

  constructor(send: Send, served: Served<AskedOf, ToldTo>) {
    this.#send = send;
    this.#served = served;
  }

  tell<K extends Name<Says>>(name: K, message: Says[K]): void {
    this.#post(['tell', name, message]);
  }

  /** Rejects when the other end fails on it, or goes. `received` sees the answer before anything is carried out that was said after it. */
  call<K extends Name<Asks>>(name: K, question: Asks[K][0], received?: (answer: Asks[K][1]) => void): Promise<Asks[K][1]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        received: (answer) => {
          received?.(answer);
          resolve(answer);
        },
        failed: reject,
      });
      this.#post(['call', name, question, id]);
    });
  }

  /** Takes a batch of the other end. */
  receive(batch: unknown): void {
    for (const packet of batch as readonly Packet[]) this.#take(packet);
  }

  /** The other end is gone: nobody will answer any more. */
  close(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { failed } of waiting) failed(new Error('The other process is gone.'));
  }

  #take(packet: Packet): void {
    switch (packet[0]) {
      case 'tell':
        this.#served.tells[packet[1]]?.(packet[2] as never);
        return;
      case 'call':
        this.#answer(packet[1], packet[2], packet[3]);
        return;
      case 'answer':
        this.#over(packet[2])?.received(packet[1]);
        return;
      case 'fault':
        this.#over(packet[2])?.failed(new Error(String(packet[1])));
    }
  }

  #answer(name: string, question: unknown, id: number): void {
    const fault = (error: unknown): void =>
      this.#post(['fault', error instanceof Error ? (error.stack ?? error.message) : String(error), id]);
    try {
      const answer = this.#served.calls[name]?.(question);
      if (answer instanceof Promise) answer.then((settled: unknown) => this.#post(['answer', settled, id]), fault);
      else this.#post(['answer', answer, id]);
    } catch (error) {
      fault(error);
    }
  }

  #over(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #post(packet: Packet): void {
    this.#queue.push(packet);
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#queue.splice(0, MAX_BATCH);
    this.#isBusy = batch.length > 0;
    if (this.#isBusy) this.#send(batch, () => this.#flush());
  }
}
