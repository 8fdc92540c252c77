import net from 'node:net';
import { once } from 'node:events';

/** A connection to the server that can be cut and restored. The browser's own "offline" does not affect an open socket. */
export class Cutter {
  private up = true;
  private readonly sockets = new Set<net.Socket>();
  private readonly listener: net.Server;

  private constructor(target: number) {
    this.listener = net.createServer((client) => {
      if (!this.up) return void client.destroy();
      const server = net.connect(target, '127.0.0.1');
      for (const end of [client, server]) {
        this.sockets.add(end);
        end.on('error', () => undefined);
        end.on('close', () => {
          this.sockets.delete(end);
          client.destroy();
          server.destroy();
        });
      }
      client.pipe(server).pipe(client);
    });
  }

  static async to(target: number): Promise<Cutter> {
    const cutter = new Cutter(target);
    cutter.listener.listen(0, '127.0.0.1');
    await once(cutter.listener, 'listening');
    return cutter;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as net.AddressInfo).port}`;
  }

  cut() {
    this.up = false;
    for (const socket of this.sockets) socket.destroy();
  }

  heal() {
    this.up = true;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
