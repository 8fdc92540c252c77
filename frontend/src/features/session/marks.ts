/**
 * Knows how many local edits are not yet durable on the server.
 * Invariant: an edit counts as saved only when a mark sent after it has returned on the connection that carried both.
 */
export class Marks {
  private made = 0;
  private durable = 0;
  private last = 0;
  private waiting: { n: number; covers: number } | null = null;
  private ready = false;

  constructor(
    private readonly send: (n: number) => void,
    private readonly changed: () => void,
  ) {}

  get unsaved(): number {
    return this.made - this.durable;
  }

  edited() {
    this.made += 1;
    this.ask();
    this.changed();
  }

  /** Our answer to the server's sync step 1 was sent: from here on a mark covers all that we have. */
  sentEverything() {
    this.ready = true;
    this.waiting = null;
    this.ask();
  }

  /** The connection is lost, or the server lacks something: marks without an echo prove nothing. */
  interrupted() {
    this.ready = false;
    this.waiting = null;
  }

  echoed(n: number) {
    if (this.waiting?.n !== n) return;
    this.durable = this.waiting.covers;
    this.waiting = null;
    this.ask();
    this.changed();
  }

  // One mark at a time: until it returns, further edits gather for the next.
  private ask() {
    if (!this.ready || this.waiting !== null || this.unsaved === 0) return;
    this.last += 1;
    this.waiting = { n: this.last, covers: this.made };
    this.send(this.last);
  }
}
