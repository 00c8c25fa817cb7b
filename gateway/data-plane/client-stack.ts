/**
 * The connections to one server, as many as are needed at once. undici's Pool looks through all of them for one that is free, twice for each request;
 * here the last one that became free is the next one to be used, and those that are not needed close by themselves.
 */
import type { Client, Dispatcher } from 'undici';

export class ClientStack {
  readonly #create: () => Client;
  readonly #all = new Set<Client>();
  readonly #free: Client[] = [];

  /** `create` makes clients that take one request at a time. */
  constructor(create: () => Client) {
    this.#create = create;
  }

  /** The contract is that of undici: errors go to the handler. False says that this connection is busy now, which is nothing to wait for. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const client = this.#free.pop() ?? this.#add();
    const takesMore = client.dispatch(options, handler);
    if (takesMore) this.#free.push(client);
    // What was refused before it was sent leaves nothing that the client would say the end of.
    else if (client.stats.size === 0) this.#drop(client);
    return takesMore;
  }

  /** Connections, in use or not. */
  get size(): number {
    return this.#all.size;
  }

  /** Breaks off what is in flight. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#all].map((client) => client.destroy()));
  }

  #add(): Client {
    const client = this.#create();
    this.#all.add(client);
    client.on('drain', () => this.#free.push(client));
    return client;
  }

  #drop(client: Client): void {
    this.#all.delete(client);
    void client.destroy();
  }
}
