// Hocuspocus with its defaults; with STORE, documents are read from there by its Database extension.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Database } from '@hocuspocus/extension-database'
import { Server } from '@hocuspocus/server'

const { PORT, STORE } = process.env

const extensions = []
if (STORE) {
  extensions.push(new Database({
    fetch: async ({ documentName }) => {
      const path = join(STORE, documentName)
      return existsSync(path) ? new Uint8Array(await readFile(path)) : null
    },
    store: async () => {}
  }))
}

await new Server({ address: '127.0.0.1', port: Number(PORT), quiet: true, extensions }).listen()
