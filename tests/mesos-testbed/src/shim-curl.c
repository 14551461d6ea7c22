// libcurl for the agent's fetcher cache, which asks how large an HTTP URI is.
// The library was built against libcurl 3's symbol versions; the functions are
// the same ones today, so hand the calls on. Loaded only when first used.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *real(const char *name)
{
  static void *library;
  if (!library) library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, name) : NULL;
  if (!symbol) {
    fprintf(stderr, "mesos-testbed: %s\n", dlerror());
    abort();
  }
  return symbol;
}

#define REAL(type, name) ((type) real(#name))

int curl_global_init(long flags) { return REAL(int (*)(long), curl_global_init)(flags); }
void *curl_easy_init(void) { return REAL(void *(*)(void), curl_easy_init)(); }
void curl_easy_cleanup(void *curl) { REAL(void (*)(void *), curl_easy_cleanup)(curl); }
int curl_easy_perform(void *curl) { return REAL(int (*)(void *), curl_easy_perform)(curl); }
const char *curl_easy_strerror(int code) { return REAL(const char *(*)(int), curl_easy_strerror)(code); }

// Variadic, with one more argument that is never a floating-point number.
int curl_easy_setopt(void *curl, int option, void *value)
{
  return REAL(int (*)(void *, int, ...), curl_easy_setopt)(curl, option, value);
}

int curl_easy_getinfo(void *curl, int info, void *value)
{
  return REAL(int (*)(void *, int, ...), curl_easy_getinfo)(curl, info, value);
}
