import * as encoding from 'lib0/encoding';
import * as random from 'lib0/random';
import { createID, decodeStateVector, decodeUpdate, type Doc, encodeStateAsUpdate, encodeStateVector, type GC, type ID, Item, Skip, UpdateEncoderV1 } from 'yjs';

/** The place where the server has other edits than this page. */
export interface Conflict {
  client: number;
  clock: number;
}

interface Own {
  /** The first clock that is made again. */
  from: number;
  /** The new client id. */
  fresh: number;
}

/** Makes the edits of a document, which another author's edits displaced at their client id, again under new ids and at the same places. */
export class Reissue {
  private readonly known: Map<number, number>;
  private readonly own = new Map<number, Own>();

  /** `clients` are the ids under which the page wrote, `known` is the server's state, `root` the type that holds the text. */
  constructor(
    private readonly doc: Doc,
    clients: Iterable<number>,
    conflict: Conflict | null,
    known: Doc,
    private readonly root: string,
  ) {
    this.known = decodeStateVector(encodeStateVector(known));
    for (const client of clients) {
      const clock = this.known.get(client) ?? 0;
      const from = conflict?.client === client ? Math.min(conflict.clock, clock) : clock;
      this.own.set(client, { from, fresh: random.uint32() });
    }
  }

  /** The new ids. */
  clients(): number[] {
    return [...this.own.values()].map(({ fresh }) => fresh);
  }

  /** All of the edits. */
  all(): Uint8Array {
    const vector = decodeStateVector(encodeStateVector(this.doc));
    for (const [client, { from }] of this.own) vector.set(client, from);
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, vector.size);
    for (const [client, clock] of vector) {
      encoding.writeVarUint(encoder, client);
      encoding.writeVarUint(encoder, clock);
    }
    return this.again(encodeStateAsUpdate(this.doc, encoding.toUint8Array(encoder)));
  }

  /** The edits of one update. */
  again(update: Uint8Array): Uint8Array {
    const { structs, ds } = decodeUpdate(update);
    const encoder = new UpdateEncoderV1();
    const sections = [...this.own]
      .map(([client, { from, fresh }]) => ({
        from,
        fresh,
        structs: structs.filter(({ id }) => id.client === client && id.clock >= from).filter((struct) => !(struct instanceof Skip)),
      }))
      .filter((section) => section.structs.length > 0);
    encoding.writeVarUint(encoder.restEncoder, sections.length);
    for (const section of sections.sort((a, b) => b.fresh - a.fresh)) {
      encoding.writeVarUint(encoder.restEncoder, section.structs.length);
      encoder.writeClient(section.fresh);
      encoding.writeVarUint(encoder.restEncoder, (section.structs[0]?.id.clock ?? section.from) - section.from);
      for (const struct of section.structs) this.write(struct, encoder);
    }
    this.writeDeletions(encoder.restEncoder, ds.clients);
    return encoder.toUint8Array();
  }

  private write(struct: Item | GC | Skip, encoder: UpdateEncoderV1) {
    if (struct instanceof Item) {
      struct.origin = this.left(struct.origin);
      struct.rightOrigin = this.right(struct.rightOrigin);
      // Only a struct without either names its parent.
      struct.parent ??= this.root as never;
    }
    struct.write(encoder, 0);
  }

  /** The new id of an edit that is made again. */
  private fresh({ client, clock }: ID): ID | null {
    const own = this.own.get(client);
    return own !== undefined && clock >= own.from ? createID(own.fresh, clock - own.from) : null;
  }

  private left(id: ID | null): ID | null {
    if (id === null) return null;
    const fresh = this.fresh(id);
    const end = this.known.get(id.client) ?? 0;
    if (fresh !== null || id.clock < end) return fresh ?? id;
    // Its neighbour is no longer in the document.
    return end === 0 ? null : createID(id.client, end - 1);
  }

  private right(id: ID | null): ID | null {
    if (id === null) return null;
    return this.fresh(id) ?? (id.clock < (this.known.get(id.client) ?? 0) ? id : null);
  }

  private writeDeletions(encoder: encoding.Encoder, clients: ReadonlyMap<number, readonly { clock: number; len: number }[]>) {
    const all = new Map<number, [clock: number, length: number][]>();
    const add = (client: number, clock: number, end: number) => {
      if (clock >= end) return;
      const ranges = all.get(client) ?? [];
      all.set(client, [...ranges, [clock, end - clock]]);
    };
    for (const [client, ranges] of clients) {
      const own = this.own.get(client);
      const end = own?.from ?? this.known.get(client) ?? 0;
      for (const { clock, len } of ranges) {
        add(client, clock, Math.min(clock + len, end));
        if (own !== undefined) add(own.fresh, Math.max(clock, end) - end, clock + len - end);
      }
    }
    encoding.writeVarUint(encoder, all.size);
    for (const [client, ranges] of all) {
      encoding.writeVarUint(encoder, client);
      encoding.writeVarUint(encoder, ranges.length);
      for (const [clock, length] of ranges) {
        encoding.writeVarUint(encoder, clock);
        encoding.writeVarUint(encoder, length);
      }
    }
  }
}
