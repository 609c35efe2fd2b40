import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../helpers/app.ts'
import { filledIn, snippetWith } from '../snippets.ts'
import { judge, startIssuer } from '../tokens.ts'
import { startProgram } from './program.ts'

/** Where Debian has phpseclib, unless PHPSECLIB says another autoload file. */
const autoload = process.env['PHPSECLIB'] ?? '/usr/share/php/phpseclib3/autoload.php'

// A warning ends it: a token must not be able to cause one.
const around = (snippet: string, url: string): string => `<?php
require '${autoload}';
${snippet}
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(function (int $level, string $message) {
    if (error_reporting() & $level) {
        fwrite(STDERR, "$message\\n");
        exit(1);
    }
});
$keys = json_decode(file_get_contents('${url}/.well-known/jwks.json'), true)['keys'];
while (($line = fgets(STDIN)) !== false) {
    $claims = verify(rtrim($line, "\\n"), $keys);
    echo $claims === null ? "- refused\\n" : "+ {$claims['email']}\\n";
}
`

t.test('the snippet for PHP accepts our tokens, and no bad one of any kind', async t => {
  const issuer = await startIssuer(t)
  const folder = temporaryFolder(t)
  const snippet = filledIn(snippetWith('docs/verify-tokens.md', 'php', 'phpseclib3'), issuer.url)
  writeFileSync(join(folder, 'verify.php'), around(snippet, issuer.url))
  await judge(t, issuer, startProgram(t, 'php', ['verify.php'], folder))
})
