import { connect, type Socket } from 'node:net'
import { once } from 'node:events'

/** Keep-alive connections to one server, driven without the weight of an HTTP client. */
export interface Load {
  /** Closed loop: sends this many requests, one at a time on each connection. */
  send (count: number): Promise<void>
  /** Open loop: so many a second whatever the server does; the milliseconds each took. */
  sendAtRate (perSecond: number, seconds: number): Promise<number[]>
  close (): void
}

/** Asks with what the answer before gave it: none is under way twice, so there are as many as ever wait. */
export interface Dialogue {
  request (): string | Buffer
  /** What the answer must have, where it changes. */
  status? (): number
  heard (answer: string): void
}

/** The requests go round; every answer must have the status. */
export function openLoad (port: number, requests: Array<string | Dialogue>, { connections = 32, status = 200 } = {}): Load {
  const wanted = statusLine(status)
  const waiting = requests.map(request => typeof request === 'string' ? Buffer.from(request) : request)
  const idle: Connection[] = []
  const ask = async (connection: Connection) => {
    const request = waiting.shift()
    if (request === undefined) throw new Error('more requests are under way than there are')
    if (request instanceof Buffer) waiting.push(request)
    await connection.ask(request)
    if (!(request instanceof Buffer)) waiting.push(request)
  }

  async function opened (): Promise<Connection> {
    const connection = new Connection(connect({ port, host: '127.0.0.1', noDelay: true }), wanted)
    await once(connection.socket, 'connect')
    return connection
  }

  /** A server may close what was idle while others had their turn. */
  async function fill (): Promise<void> {
    for (const connection of idle.splice(0)) if (!connection.socket.destroyed) idle.push(connection)
    while (idle.length < connections) idle.push(await opened())
  }

  return {
    async send (count) {
      await fill()
      let left = count
      await Promise.all(idle.map(async connection => {
        while (left-- > 0) await ask(connection)
      }))
    },

    async sendAtRate (perSecond, seconds) {
      await fill()
      const took: number[] = []
      const pending = new Set<Promise<void>>()
      let failure: unknown
      const began = performance.now()
      for (let sent = 0; sent < perSecond * seconds && failure === undefined;) {
        const due = Math.min(perSecond * seconds, Math.floor((performance.now() - began) / 1000 * perSecond))
        for (; sent < due; sent++) {
          const connection = idle.shift() ?? await opened() // all of them in turn: a server closes one that is idle for long
          const from = performance.now()
          const answer = ask(connection).then(() => {
            took.push(performance.now() - from)
            idle.push(connection)
          }, (error: unknown) => { failure ??= error }).then(() => { pending.delete(answer) })
          pending.add(answer)
        }
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      await Promise.all(pending)
      if (failure !== undefined) throw failure
      return took
    },

    close () {
      for (const { socket } of idle.splice(0)) socket.destroy()
    }
  }
}

const statusLine = (status: number): string => `HTTP/1.1 ${status} `

/** One HTTP/1.1 connection with one request under way. Answers have a Content-Length, as all of ours do. */
class Connection {
  readonly socket: Socket
  readonly #usual: string
  #wanted = ''
  #text = ''
  #answered: ((text: string) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  constructor (socket: Socket, wanted: string) {
    this.socket = socket
    this.#usual = wanted
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => { this.#read(chunk) })
    socket.on('error', error => this.#failed?.(error))
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')))
  }

  async ask (request: Buffer | Dialogue): Promise<void> {
    if (this.socket.destroyed) throw new Error('the server closed the connection between two requests')
    const answer = await new Promise<string>((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
      const status = 'status' in request ? request.status?.() : undefined
      this.#wanted = status === undefined ? this.#usual : statusLine(status)
      this.socket.write('request' in request ? request.request() : request)
    })
    if ('heard' in request) request.heard(answer)
  }

  #read (chunk: string): void {
    const text = this.#text += chunk
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(text) ?? []
    if (text.length < head + 4 + Number(length)) return
    this.#text = ''
    if (text.startsWith(this.#wanted)) this.#answered?.(text)
    else this.#failed?.(new Error(`expected ${this.#wanted}but got ${text.slice(0, 200)}`))
  }
}

/** The text of a GET request. */
export const get = (path: string, headers: Record<string, string> = {}): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
