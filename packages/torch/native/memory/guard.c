// A malloc for memory checks of code that no sanitizer sees (generated code, LibTorch's own): LD_PRELOAD it, and from
// setenv("CT_GUARD", "1") on, each block ends at a page that cannot be touched and is surrounded by bytes of 0xff, NaN in every
// float type. A block that was freed cannot be touched either. Bytes that were overwritten are noticed when it is freed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kPage = 4096 };
static const size_t kArea = (size_t)1 << 40;
static const long kMost = 25000;  // blocks at a time; the kernel allows some 65,000 mappings

typedef struct {
  char* data;
  size_t size, pages;
} Block;

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);

static char* area;
static Block* blocks;  // by the first page
static size_t next;
static long live;
static volatile int on;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int isGuarded(const void* p) { return area != NULL && (const char*)p >= area && (const char*)p < area + kArea; }

static void start(void) {
  if (area != NULL) return;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  area = mmap(NULL, kArea, PROT_NONE, flags, -1, 0);
  blocks = mmap(NULL, kArea / kPage * sizeof(Block), PROT_READ | PROT_WRITE, flags, -1, 0);
  if (area == MAP_FAILED || blocks == MAP_FAILED) abort();
}

int setenv(const char* name, const char* value, int overwrite) {
  static int (*real)(const char*, const char*, int);
  if (real == NULL) real = (int (*)(const char*, const char*, int))dlsym(RTLD_NEXT, "setenv");
  if (strcmp(name, "CT_GUARD") == 0) {
    start();
    on = value[0] == '1';
  }
  return real(name, value, overwrite);
}

static void* take(size_t align, size_t size) {
  if (!on || size < 32) return NULL;
  if (align < 16) align = 16;
  const size_t pages = (size + kPage - 1) / kPage + (align > kPage ? align / kPage : 0);
  pthread_mutex_lock(&lock);
  if (live >= kMost || next + pages + 1 > kArea / kPage) {
    pthread_mutex_unlock(&lock);
    return NULL;
  }
  const size_t first = next;
  next += pages + 1;
  live++;
  pthread_mutex_unlock(&lock);
  char* begin = area + first * kPage;
  char* end = begin + pages * kPage;
  if (mprotect(begin, pages * kPage, PROT_READ | PROT_WRITE) != 0) abort();
  memset(begin, 0xff, pages * kPage);
  char* data = (char*)((uintptr_t)(end - size) / align * align);
  blocks[first] = (Block){data, size, pages};
  // Found again from the data's page.
  const size_t page = (size_t)(data - area) / kPage;
  if (page != first) blocks[page] = (Block){NULL, first, 0};
  return data;
}

static Block* find(const void* p) {
  Block* block = &blocks[((const char*)p - area) / kPage];
  return block->data == NULL ? &blocks[block->size] : block;
}

static void complain(const char* what, size_t size, long at) {
  char text[160];
  const int n = snprintf(text, sizeof text, "guard: %s, block of %zu bytes, at %ld\n", what, size, at);
  if (write(2, text, (size_t)n) < 0) _exit(99);
  abort();
}

static void give(void* p) {
  Block* block = find(p);
  if (block->data != p) complain("free of what was not allocated", block->size, (char*)p - block->data);
  const size_t first = (size_t)(block - blocks);
  char* begin = area + first * kPage;
  char* end = begin + block->pages * kPage;
  for (char* c = begin; c < block->data; c++) {
    if (*c != (char)0xff) complain("write before the begin", block->size, c - block->data);
  }
  for (char* c = block->data + block->size; c < end; c++) {
    if (*c != (char)0xff) complain("write behind the end", block->size, c - block->data);
  }
  madvise(begin, block->pages * kPage, MADV_DONTNEED);
  mprotect(begin, block->pages * kPage, PROT_NONE);
  pthread_mutex_lock(&lock);
  live--;
  pthread_mutex_unlock(&lock);
}

void* malloc(size_t size) {
  void* p = take(16, size);
  return p != NULL ? p : __libc_malloc(size);
}

void free(void* p) {
  if (isGuarded(p)) give(p);
  else __libc_free(p);
}

void* calloc(size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) return NULL;
  void* p = take(16, all);
  return p != NULL ? memset(p, 0, all) : __libc_calloc(count, size);
}

void* realloc(void* p, size_t size) {
  if (!isGuarded(p)) return __libc_realloc(p, size);
  const size_t before = find(p)->size;
  void* other = malloc(size);
  if (other == NULL) return NULL;
  memcpy(other, p, before < size ? before : size);
  free(p);
  return other;
}

void* memalign(size_t align, size_t size) {
  void* p = take(align, size);
  return p != NULL ? p : __libc_memalign(align, size);
}

void* aligned_alloc(size_t align, size_t size) { return memalign(align, size); }

int posix_memalign(void** p, size_t align, size_t size) {
  *p = memalign(align, size);
  return *p == NULL ? ENOMEM : 0;
}

size_t malloc_usable_size(void* p) {
  static size_t (*real)(void*);
  if (isGuarded(p)) return find(p)->size;
  if (real == NULL) real = (size_t(*)(void*))dlsym(RTLD_NEXT, "malloc_usable_size");
  return real(p);
}
