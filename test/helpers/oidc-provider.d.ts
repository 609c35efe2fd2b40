/** As much of the package as our tests use; it comes without types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  export class Provider {
    constructor (issuer: string, configuration: Record<string, unknown>)
    callback (): RequestListener
  }
}
