/* Native: libjpeg-turbo through its C API, and the protocol of peer.ts on stdin and stdout.
   native LIST                 lines of LIST: left top width height path
   native encode PPM JPEG Q    a 4:2:0 file of quality Q */

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#define QUOTE_(x) #x
#define QUOTE(x) QUOTE_(x)

typedef struct {
  unsigned left, top, width, height;
  unsigned char *bytes;
  unsigned long length;
} Entry;

static unsigned char *pixels;
static size_t capacity;
static struct jpeg_error_mgr errors;
static struct jpeg_decompress_struct jpeg;

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

static void *need(void *memory, const char *what) {
  if (memory) return memory;
  perror(what);
  exit(1);
}

/* Reads the header and starts decoding to RGB. The buffer is reused, as a loader would. */
static void open_jpeg(const Entry *entry) {
  jpeg_mem_src(&jpeg, entry->bytes, entry->length);
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = JCS_RGB;
  jpeg_start_decompress(&jpeg);
  size_t bytes = (size_t)jpeg.output_width * jpeg.output_height * 3;
  if (bytes <= capacity) return;
  pixels = need(realloc(pixels, bytes), "pixels");
  capacity = bytes;
}

/* Decodes `rows` rows to the front of the buffer, as many in a call as the library returns. */
static void read_rows(unsigned rows, size_t stride) {
  JSAMPROW pointers[16];
  for (unsigned row = 0; row < rows;) {
    unsigned ask = rows - row < 16 ? rows - row : 16;
    for (unsigned i = 0; i < ask; i++) pointers[i] = pixels + (row + i) * stride;
    row += jpeg_read_scanlines(&jpeg, pointers, ask);
  }
}

static size_t decode(const Entry *entry) {
  open_jpeg(entry);
  size_t stride = (size_t)jpeg.output_width * 3, bytes = stride * jpeg.output_height;
  read_rows(jpeg.output_height, stride);
  jpeg_finish_decompress(&jpeg);
  return bytes;
}

/* Decodes the whole minimum coded units around the crop; a caller would skip the first few pixels of each row. */
static void decode_crop(const Entry *entry) {
  open_jpeg(entry);
  JDIMENSION left = entry->left, width = entry->width;
  jpeg_crop_scanline(&jpeg, &left, &width);
  if (entry->top > 0) jpeg_skip_scanlines(&jpeg, entry->top);
  read_rows(entry->height, (size_t)width * 3);
  jpeg_abort_decompress(&jpeg);
}

/* FNV-1a of 32 bits. */
static uint32_t hash(const unsigned char *data, size_t length) {
  uint32_t state = 0x811c9dc5;
  for (size_t i = 0; i < length; i++) state = (state ^ data[i]) * 0x01000193;
  return state;
}

static Entry *read_list(const char *path, size_t *count) {
  FILE *list = need(fopen(path, "r"), path);
  Entry *entries = NULL;
  char name[4096];
  Entry entry;
  *count = 0;
  while (fscanf(list, "%u %u %u %u %4095[^\n]", &entry.left, &entry.top, &entry.width, &entry.height, name) == 5) {
    FILE *file = need(fopen(name, "rb"), name);
    fseek(file, 0, SEEK_END);
    entry.length = ftell(file);
    rewind(file);
    entry.bytes = need(malloc(entry.length), name);
    if (fread(entry.bytes, 1, entry.length, file) != entry.length) need(NULL, name);
    fclose(file);
    entries = need(realloc(entries, (*count + 1) * sizeof(Entry)), path);
    entries[(*count)++] = entry;
  }
  fclose(list);
  return entries;
}

static void run(const Entry *entries, const char *job, size_t from, size_t to) {
  if (strcmp(job, "hash") == 0) {
    printf("{\"hashes\":[");
    for (size_t i = from; i < to; i++) printf("%s%u", i == from ? "" : ",", hash(pixels, decode(&entries[i])));
    printf("]}\n");
    return;
  }
  double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (size_t i = from; i < to; i++) {
    if (strcmp(job, "crop") == 0) decode_crop(&entries[i]);
    else decode(&entries[i]);
  }
  wall = seconds(CLOCK_MONOTONIC) - wall;
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  printf("{\"wall\":%.9f,\"cpu\":%.9f}\n", wall, cpu);
}

static int serve(const char *list) {
  size_t count, from, to;
  Entry *entries = read_list(list, &count);
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  printf("{\"ready\":\"libjpeg-turbo " QUOTE(LIBJPEG_TURBO_VERSION) "\"}\n");
  fflush(stdout);
  char job[16];
  while (scanf("%15s %zu %zu", job, &from, &to) == 3) {
    if (to > count) return 1;
    run(entries, job, from, to);
    fflush(stdout);
  }
  return 0;
}

static int encode(const char *from, const char *to, int quality) {
  FILE *source = need(fopen(from, "rb"), from), *target = need(fopen(to, "wb"), to);
  unsigned width, height;
  if (fscanf(source, "P6 %u %u 255", &width, &height) != 2 || fgetc(source) != '\n') return 1;
  struct jpeg_compress_struct file;
  file.err = jpeg_std_error(&errors);
  jpeg_create_compress(&file);
  jpeg_stdio_dest(&file, target);
  file.image_width = width;
  file.image_height = height;
  file.input_components = 3;
  file.in_color_space = JCS_RGB;
  jpeg_set_defaults(&file); /* 4:2:0, and the standard's Huffman codes, as cameras write */
  jpeg_set_quality(&file, quality, TRUE);
  jpeg_start_compress(&file, TRUE);
  JSAMPROW row = need(malloc((size_t)width * 3), "row");
  for (unsigned y = 0; y < height; y++) {
    if (fread(row, 3, width, source) != width) return 1;
    jpeg_write_scanlines(&file, &row, 1);
  }
  jpeg_finish_compress(&file);
  return fclose(target);
}

int main(int count, char **words) {
  if (count == 2) return serve(words[1]);
  if (count == 5 && strcmp(words[1], "encode") == 0) return encode(words[2], words[3], atoi(words[4]));
  fprintf(stderr, "native LIST | native encode PPM JPEG QUALITY\n");
  return 2;
}
