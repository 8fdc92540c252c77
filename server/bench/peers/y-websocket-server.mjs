// @y/websocket-server as its own `bin` starts it; with STORE, documents are read from there when they are opened.
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { setPersistence, setupWSConnection } from '@y/websocket-server/utils'

const { PORT, STORE } = process.env

if (STORE) {
  setPersistence({
    bindState: (name, doc) => {
      const path = join(STORE, name)
      if (existsSync(path)) Y.applyUpdate(doc, readFileSync(path))
    },
    writeState: async () => {}
  })
}

const server = http.createServer((_request, response) => response.end('okay'))
const wss = new WebSocket.Server({ noServer: true })
wss.on('connection', setupWSConnection)
server.on('upgrade', (request, socket, head) => {
  wss.handleUpgrade(request, socket, head, ws => wss.emit('connection', ws, request))
})
server.listen(Number(PORT), '127.0.0.1')
