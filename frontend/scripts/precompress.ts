import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const brotli = promisify(brotliCompress);
const gz = promisify(gzip);
const COMPRESSIBLE = /\.(js|css|html|svg|ttf|json|wasm)$/;
const SMALLEST_WORTH_IT = 1024;

/** Emits `.br` and `.gz` beside every asset that shrinks, so that the server never compresses one. */
export function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_options, bundle) {
      const files = Object.values(bundle).filter((file) => COMPRESSIBLE.test(file.fileName));
      await Promise.all(
        files.map(async (file) => {
          const source = Buffer.from(file.type === 'chunk' ? file.code : file.source);
          if (source.length < SMALLEST_WORTH_IT) return;
          const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
          const [br, gzipped] = await Promise.all([brotli(source, { params }), gz(source, { level: 9 })]);
          this.emitFile({ type: 'asset', fileName: `${file.fileName}.br`, source: br });
          this.emitFile({ type: 'asset', fileName: `${file.fileName}.gz`, source: gzipped });
        }),
      );
    },
  };
}
