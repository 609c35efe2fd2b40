/** Signs of browsers and systems in a User-Agent, in the order they are asked. Sessions keep places in these lists: only append. */
const browsers: Array<[name: string, sign: RegExp]> = [
  ['Edge', /\bEdgA?\/|\bEdgiOS\//],
  ['Opera', /\bOPR\/|\bOPiOS\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\bFirefox\/|\bFxiOS\//],
  ['Chrome', /\bChrome\/|\bCriOS\/|\bChromium\//],
  ['Safari', /\bSafari\//],
  ['curl', /^curl\//]
]
const systems: Array<[name: string, sign: RegExp]> = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['Windows', /\bWindows\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['macOS', /\bMac OS X\b|\bMacintosh\b/],
  ['Linux', /\bLinux\b/]
]
const systemPlaces = 100

/** Browser and system of a request as one number, 0 where neither is known: never the header itself. */
export function deviceOf (userAgent = ''): number {
  const place = (names: Array<[string, RegExp]>) => names.findIndex(([, sign]) => sign.test(userAgent)) + 1
  return place(browsers) * systemPlaces + place(systems)
}

/** What a person calls that device, so that they know it in a list. */
export function deviceName (device: number): string {
  const [browser] = browsers[Math.floor(device / systemPlaces) - 1] ?? []
  const [system] = systems[device % systemPlaces - 1] ?? []
  return browser && system ? `${browser} on ${system}` : browser ?? system ?? 'Unknown device'
}
