// One vector of doubles, for whichever instruction set the including file is compiled for.
//
// Included ONLY by the files in isa/, each of which defines exactly one PML_ISA_* macro. Everything
// below sits in an anonymous namespace: two instruction sets must never share a symbol, or the linker
// could merge an AVX-512 body into code that runs on an older machine. For the same reason nothing here
// uses the standard library beyond <stdint.h>, <stddef.h> and the C functions of <math.h>.
//
// Semantics all instruction sets share, and the kernels rely on:
//   load, store            need 64-byte alignment, load_any and store_any none;
//   min(a, b), max(a, b)  return b when either is NaN, so put the constant first to keep a NaN argument;
//   fma(a, b, c)          a * b + c, fused where the hardware can, else rounded twice; fms subtracts c, fnma is
//                         c - a * b;
//   with_sign_of(a, b)     is a with the sign bit of b, for a whose own is clear;
//   shift_left, shift_right  move the bits of the lanes, zeros come in;
//   bits(m)               bit i is set where lane i is;
//   sums(a)               lane i is the sum of the lanes of a[i], for i < lanes: cheaper than `lanes` single sums;
//   power_of_two(biased)  is 2^n for biased = n + exponent_shift, |n| <= 1022.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#if defined(PML_ISA_AVX512) || defined(PML_ISA_AVX2)
#if defined(__GNUC__) && !defined(__clang__)
// GCC up to 12 takes the deliberately undefined operands of its own AVX-512 intrinsics for mistakes (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#elif defined(__SSE2__) || defined(_M_X64)
#define PML_ISA_SSE2 1
#include <emmintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define PML_ISA_NEON 1
#include <arm_neon.h>
#else
#define PML_ISA_SCALAR 1
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define PML_INLINE static __forceinline
#define PML_MEMBER __forceinline
#define PML_UNROLL
#define PML_PREFETCH(p) ((void)0)
#else
#define PML_PREFETCH(p) __builtin_prefetch(p)
#if defined(__SANITIZE_ADDRESS__)
// Every copy of a load has its own checks, so that nothing is copied: inlined and unrolled they take the compiler more
// than ten minutes, as functions one.
#define PML_INLINE static inline
#define PML_MEMBER inline
#else
#define PML_INLINE static inline __attribute__((always_inline))
#define PML_MEMBER inline __attribute__((always_inline))
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PML_UNROLL
#elif defined(__clang__)
#define PML_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PML_UNROLL _Pragma("GCC unroll 32")
#endif
#endif

namespace {

// 1.5 * 2^52: adding it to |v| < 2^51 rounds v to an integer and leaves that integer in the low bits.
constexpr double round_shift = 6755399441055744.0;
// The same with the exponent bias of a double added: the low bits are then the exponent field of 2^n.
constexpr double exponent_shift = round_shift + 1023.0;

#if defined(PML_ISA_AVX512)

constexpr size_t lanes = 8;
constexpr const char* isa_name = "avx512";
constexpr bool fma_is_fused = true;
struct Vec { __m512d v; };
struct Mask { __mmask8 m; };
PML_INLINE Vec load(const double* p) { return {_mm512_load_pd(p)}; }
PML_INLINE Vec load_any(const double* p) { return {_mm512_loadu_pd(p)}; }
PML_INLINE void store(double* p, Vec a) { _mm512_store_pd(p, a.v); }
PML_INLINE void store_any(double* p, Vec a) { _mm512_storeu_pd(p, a.v); }
PML_INLINE Vec set(double s) { return {_mm512_set1_pd(s)}; }
PML_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_pd(a.v, b.v)}; }
PML_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_pd(a.v, b.v)}; }
PML_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_pd(a.v, b.v)}; }
PML_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_pd(a.v, b.v)}; }
PML_INLINE Vec square_root(Vec a) { return {_mm512_sqrt_pd(a.v)}; }
PML_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
PML_INLINE Vec fms(Vec a, Vec b, Vec c) { return {_mm512_fmsub_pd(a.v, b.v, c.v)}; }
PML_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }
PML_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_pd(a.v, b.v)}; }
PML_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_pd(a.v, b.v)}; }
PML_INLINE Vec bit_and(Vec a, Vec b) {
  return {_mm512_castsi512_pd(_mm512_and_si512(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v)))};
}
PML_INLINE Vec bit_or(Vec a, Vec b) {
  return {_mm512_castsi512_pd(_mm512_or_si512(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v)))};
}
PML_INLINE Vec bit_xor(Vec a, Vec b) {
  return {_mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v)))};
}
PML_INLINE Vec absolute(Vec a) { return {_mm512_abs_pd(a.v)}; }
PML_INLINE Vec with_sign_of(Vec a, Vec b) {
  return {_mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v),
                                                        _mm512_castpd_si512(_mm512_set1_pd(-0.0)), 0xF8))};
}
PML_INLINE Mask less(Vec a, Vec b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
PML_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_pd(m.m, no.v, yes.v)}; }
PML_INLINE bool any(Mask m) { return m.m != 0; }
PML_INLINE unsigned bits(Mask m) { return m.m; }
PML_INLINE Vec shift_left(Vec biased, int shift) {
  return {_mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(biased.v), static_cast<unsigned>(shift)))};
}
PML_INLINE Vec shift_right(Vec a, int shift) {
  return {_mm512_castsi512_pd(_mm512_srli_epi64(_mm512_castpd_si512(a.v), static_cast<unsigned>(shift)))};
}
PML_INLINE double sum(Vec a) { return _mm512_reduce_add_pd(a.v); }
PML_INLINE Vec sums(const Vec* a) {
  __m512d pair[4], quad[2];
  for (int i = 0; i < 4; ++i) {
    pair[i] = _mm512_add_pd(_mm512_unpacklo_pd(a[2 * i].v, a[2 * i + 1].v),
                            _mm512_unpackhi_pd(a[2 * i].v, a[2 * i + 1].v));
  }
  for (int i = 0; i < 2; ++i) {
    quad[i] = _mm512_add_pd(_mm512_permutex2var_pd(pair[2 * i], _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), pair[2 * i + 1]),
                            _mm512_permutex2var_pd(pair[2 * i], _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), pair[2 * i + 1]));
  }
  return {_mm512_add_pd(_mm512_permutex2var_pd(quad[0], _mm512_setr_epi64(0, 1, 2, 3, 8, 9, 10, 11), quad[1]),
                        _mm512_permutex2var_pd(quad[0], _mm512_setr_epi64(4, 5, 6, 7, 12, 13, 14, 15), quad[1]))};
}

#elif defined(PML_ISA_AVX2)

constexpr size_t lanes = 4;
constexpr const char* isa_name = "avx2";
constexpr bool fma_is_fused = true;
struct Vec { __m256d v; };
struct Mask { __m256d m; };
PML_INLINE Vec load(const double* p) { return {_mm256_load_pd(p)}; }
PML_INLINE Vec load_any(const double* p) { return {_mm256_loadu_pd(p)}; }
PML_INLINE void store(double* p, Vec a) { _mm256_store_pd(p, a.v); }
PML_INLINE void store_any(double* p, Vec a) { _mm256_storeu_pd(p, a.v); }
PML_INLINE Vec set(double s) { return {_mm256_set1_pd(s)}; }
PML_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_pd(a.v, b.v)}; }
PML_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_pd(a.v, b.v)}; }
PML_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_pd(a.v, b.v)}; }
PML_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_pd(a.v, b.v)}; }
PML_INLINE Vec square_root(Vec a) { return {_mm256_sqrt_pd(a.v)}; }
PML_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
PML_INLINE Vec fms(Vec a, Vec b, Vec c) { return {_mm256_fmsub_pd(a.v, b.v, c.v)}; }
PML_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }
PML_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_pd(a.v, b.v)}; }
PML_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_pd(a.v, b.v)}; }
PML_INLINE Vec bit_and(Vec a, Vec b) { return {_mm256_and_pd(a.v, b.v)}; }
PML_INLINE Vec bit_or(Vec a, Vec b) { return {_mm256_or_pd(a.v, b.v)}; }
PML_INLINE Vec bit_xor(Vec a, Vec b) { return {_mm256_xor_pd(a.v, b.v)}; }
PML_INLINE Vec absolute(Vec a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }
PML_INLINE Vec with_sign_of(Vec a, Vec b) { return bit_or(a, bit_and(b, set(-0.0))); }
PML_INLINE Mask less(Vec a, Vec b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
PML_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm256_blendv_pd(no.v, yes.v, m.m)}; }
PML_INLINE bool any(Mask m) { return _mm256_movemask_pd(m.m) != 0; }
PML_INLINE unsigned bits(Mask m) { return static_cast<unsigned>(_mm256_movemask_pd(m.m)); }
PML_INLINE Vec shift_left(Vec biased, int shift) {
  return {_mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(biased.v), shift))};
}
PML_INLINE Vec shift_right(Vec a, int shift) {
  return {_mm256_castsi256_pd(_mm256_srli_epi64(_mm256_castpd_si256(a.v), shift))};
}
PML_INLINE double sum(Vec a) {
  const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(a.v), _mm256_extractf128_pd(a.v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}
PML_INLINE Vec sums(const Vec* a) {
  const __m256d low = _mm256_hadd_pd(a[0].v, a[1].v), high = _mm256_hadd_pd(a[2].v, a[3].v);
  return {_mm256_add_pd(_mm256_permute2f128_pd(low, high, 0x20), _mm256_permute2f128_pd(low, high, 0x31))};
}

#elif defined(PML_ISA_SSE2)

constexpr size_t lanes = 2;
constexpr const char* isa_name = "baseline";
constexpr bool fma_is_fused = false;
struct Vec { __m128d v; };
struct Mask { __m128d m; };
PML_INLINE Vec load(const double* p) { return {_mm_load_pd(p)}; }
PML_INLINE Vec load_any(const double* p) { return {_mm_loadu_pd(p)}; }
PML_INLINE void store(double* p, Vec a) { _mm_store_pd(p, a.v); }
PML_INLINE void store_any(double* p, Vec a) { _mm_storeu_pd(p, a.v); }
PML_INLINE Vec set(double s) { return {_mm_set1_pd(s)}; }
PML_INLINE Vec operator+(Vec a, Vec b) { return {_mm_add_pd(a.v, b.v)}; }
PML_INLINE Vec operator-(Vec a, Vec b) { return {_mm_sub_pd(a.v, b.v)}; }
PML_INLINE Vec operator*(Vec a, Vec b) { return {_mm_mul_pd(a.v, b.v)}; }
PML_INLINE Vec operator/(Vec a, Vec b) { return {_mm_div_pd(a.v, b.v)}; }
PML_INLINE Vec square_root(Vec a) { return {_mm_sqrt_pd(a.v)}; }
PML_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm_add_pd(_mm_mul_pd(a.v, b.v), c.v)}; }
PML_INLINE Vec fms(Vec a, Vec b, Vec c) { return {_mm_sub_pd(_mm_mul_pd(a.v, b.v), c.v)}; }
PML_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {_mm_sub_pd(c.v, _mm_mul_pd(a.v, b.v))}; }
PML_INLINE Vec min(Vec a, Vec b) { return {_mm_min_pd(a.v, b.v)}; }
PML_INLINE Vec max(Vec a, Vec b) { return {_mm_max_pd(a.v, b.v)}; }
PML_INLINE Vec bit_and(Vec a, Vec b) { return {_mm_and_pd(a.v, b.v)}; }
PML_INLINE Vec bit_or(Vec a, Vec b) { return {_mm_or_pd(a.v, b.v)}; }
PML_INLINE Vec bit_xor(Vec a, Vec b) { return {_mm_xor_pd(a.v, b.v)}; }
PML_INLINE Vec absolute(Vec a) { return {_mm_andnot_pd(_mm_set1_pd(-0.0), a.v)}; }
PML_INLINE Vec with_sign_of(Vec a, Vec b) { return bit_or(a, bit_and(b, set(-0.0))); }
PML_INLINE Mask less(Vec a, Vec b) { return {_mm_cmplt_pd(a.v, b.v)}; }
PML_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return {_mm_or_pd(_mm_and_pd(m.m, yes.v), _mm_andnot_pd(m.m, no.v))};
}
PML_INLINE bool any(Mask m) { return _mm_movemask_pd(m.m) != 0; }
PML_INLINE unsigned bits(Mask m) { return static_cast<unsigned>(_mm_movemask_pd(m.m)); }
PML_INLINE Vec shift_left(Vec biased, int shift) {
  return {_mm_castsi128_pd(_mm_slli_epi64(_mm_castpd_si128(biased.v), shift))};
}
PML_INLINE Vec shift_right(Vec a, int shift) {
  return {_mm_castsi128_pd(_mm_srli_epi64(_mm_castpd_si128(a.v), shift))};
}
PML_INLINE double sum(Vec a) { return _mm_cvtsd_f64(_mm_add_sd(a.v, _mm_unpackhi_pd(a.v, a.v))); }
PML_INLINE Vec sums(const Vec* a) {
  return {_mm_add_pd(_mm_unpacklo_pd(a[0].v, a[1].v), _mm_unpackhi_pd(a[0].v, a[1].v))};
}

#elif defined(PML_ISA_NEON)

constexpr size_t lanes = 2;
constexpr const char* isa_name = "baseline";
constexpr bool fma_is_fused = true;
struct Vec { float64x2_t v; };
struct Mask { uint64x2_t m; };
PML_INLINE Vec load(const double* p) { return {vld1q_f64(p)}; }
PML_INLINE Vec load_any(const double* p) { return {vld1q_f64(p)}; }
PML_INLINE void store(double* p, Vec a) { vst1q_f64(p, a.v); }
PML_INLINE void store_any(double* p, Vec a) { vst1q_f64(p, a.v); }
PML_INLINE Vec set(double s) { return {vdupq_n_f64(s)}; }
PML_INLINE Vec operator+(Vec a, Vec b) { return {vaddq_f64(a.v, b.v)}; }
PML_INLINE Vec operator-(Vec a, Vec b) { return {vsubq_f64(a.v, b.v)}; }
PML_INLINE Vec operator*(Vec a, Vec b) { return {vmulq_f64(a.v, b.v)}; }
PML_INLINE Vec operator/(Vec a, Vec b) { return {vdivq_f64(a.v, b.v)}; }
PML_INLINE Vec square_root(Vec a) { return {vsqrtq_f64(a.v)}; }
PML_INLINE Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
PML_INLINE Vec fms(Vec a, Vec b, Vec c) { return {vfmaq_f64(vnegq_f64(c.v), a.v, b.v)}; }
PML_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {vfmsq_f64(c.v, a.v, b.v)}; }
PML_INLINE Vec min(Vec a, Vec b) { return {vminq_f64(a.v, b.v)}; }
PML_INLINE Vec max(Vec a, Vec b) { return {vmaxq_f64(a.v, b.v)}; }
PML_INLINE Vec bit_and(Vec a, Vec b) {
  return {vreinterpretq_f64_u64(vandq_u64(vreinterpretq_u64_f64(a.v), vreinterpretq_u64_f64(b.v)))};
}
PML_INLINE Vec bit_or(Vec a, Vec b) {
  return {vreinterpretq_f64_u64(vorrq_u64(vreinterpretq_u64_f64(a.v), vreinterpretq_u64_f64(b.v)))};
}
PML_INLINE Vec bit_xor(Vec a, Vec b) {
  return {vreinterpretq_f64_u64(veorq_u64(vreinterpretq_u64_f64(a.v), vreinterpretq_u64_f64(b.v)))};
}
PML_INLINE Vec absolute(Vec a) { return {vabsq_f64(a.v)}; }
PML_INLINE Vec with_sign_of(Vec a, Vec b) { return bit_or(a, bit_and(b, set(-0.0))); }
PML_INLINE Mask less(Vec a, Vec b) { return {vcltq_f64(a.v, b.v)}; }
PML_INLINE Vec select(Mask m, Vec yes, Vec no) { return {vbslq_f64(m.m, yes.v, no.v)}; }
PML_INLINE bool any(Mask m) { return (vgetq_lane_u64(m.m, 0) | vgetq_lane_u64(m.m, 1)) != 0; }
PML_INLINE unsigned bits(Mask m) {
  return static_cast<unsigned>((vgetq_lane_u64(m.m, 0) & 1) | (vgetq_lane_u64(m.m, 1) & 2));
}
PML_INLINE Vec shift_left(Vec biased, int shift) {
  return {vreinterpretq_f64_u64(vshlq_u64(vreinterpretq_u64_f64(biased.v), vdupq_n_s64(shift)))};
}
PML_INLINE Vec shift_right(Vec a, int shift) {
  return {vreinterpretq_f64_u64(vshlq_u64(vreinterpretq_u64_f64(a.v), vdupq_n_s64(-shift)))};
}
PML_INLINE double sum(Vec a) { return vaddvq_f64(a.v); }
PML_INLINE Vec sums(const Vec* a) { return {vpaddq_f64(a[0].v, a[1].v)}; }

#else  // PML_ISA_SCALAR: any other machine

constexpr size_t lanes = 1;
constexpr const char* isa_name = "baseline";
constexpr bool fma_is_fused = false;
struct Vec { double v; };
struct Mask { bool m; };
union Bits { double d; uint64_t u; };
PML_INLINE uint64_t bits_of(Vec a) { Bits b; b.d = a.v; return b.u; }
PML_INLINE Vec from_bits(uint64_t u) { Bits b; b.u = u; return {b.d}; }
PML_INLINE Vec load(const double* p) { return {*p}; }
PML_INLINE Vec load_any(const double* p) { return {*p}; }
PML_INLINE void store(double* p, Vec a) { *p = a.v; }
PML_INLINE void store_any(double* p, Vec a) { *p = a.v; }
PML_INLINE Vec set(double s) { return {s}; }
PML_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
PML_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
PML_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
PML_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
PML_INLINE Vec square_root(Vec a) { return {sqrt(a.v)}; }
PML_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
PML_INLINE Vec fms(Vec a, Vec b, Vec c) { return {a.v * b.v - c.v}; }
PML_INLINE Vec fnma(Vec a, Vec b, Vec c) { return {c.v - a.v * b.v}; }
PML_INLINE Vec min(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
PML_INLINE Vec max(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
PML_INLINE Vec bit_and(Vec a, Vec b) { return from_bits(bits_of(a) & bits_of(b)); }
PML_INLINE Vec bit_or(Vec a, Vec b) { return from_bits(bits_of(a) | bits_of(b)); }
PML_INLINE Vec bit_xor(Vec a, Vec b) { return from_bits(bits_of(a) ^ bits_of(b)); }
PML_INLINE Vec absolute(Vec a) { return from_bits(bits_of(a) & ~(uint64_t{1} << 63)); }
PML_INLINE Vec with_sign_of(Vec a, Vec b) { return bit_or(a, bit_and(b, set(-0.0))); }
PML_INLINE Mask less(Vec a, Vec b) { return {a.v < b.v}; }
PML_INLINE Vec select(Mask m, Vec yes, Vec no) { return m.m ? yes : no; }
PML_INLINE bool any(Mask m) { return m.m; }
PML_INLINE unsigned bits(Mask m) { return m.m ? 1 : 0; }
PML_INLINE Vec shift_left(Vec biased, int shift) { return from_bits(bits_of(biased) << shift); }
PML_INLINE Vec shift_right(Vec a, int shift) { return from_bits(bits_of(a) >> shift); }
PML_INLINE double sum(Vec a) { return a.v; }
PML_INLINE Vec sums(const Vec* a) { return a[0]; }

#endif

PML_INLINE Vec operator-(Vec a) { return bit_xor(a, set(-0.0)); }

// The number of the lowest bit that is set; some must be.
PML_INLINE unsigned lowest_bit(unsigned set_bits) {
#if defined(_MSC_VER) && !defined(__clang__)
  unsigned long number;
  _BitScanForward(&number, set_bits);
  return number;
#else
  return static_cast<unsigned>(__builtin_ctz(set_bits));
#endif
}

PML_INLINE Vec load_as(const double* p, Vec) { return load(p); }
constexpr size_t width_of(Vec) { return lanes; }

// Keeps a loaded vector in a register. Compilers would rather fold its load into each use, which costs a load each time.
PML_INLINE Vec in_register(Vec a) {
#if defined(__GNUC__) && defined(PML_ISA_AVX512)
  __asm__("" : "+v"(a.v));
#elif defined(__GNUC__) && (defined(PML_ISA_AVX2) || defined(PML_ISA_SSE2))
  __asm__("" : "+x"(a.v));
#endif
  return a;
}

// Several vectors that go through the same operations side by side. A long chain of dependent operations leaves most
// of the machine idle; the schedulers look ahead over less than two such chains, so the interleaving must stand in
// the instruction stream.
constexpr size_t pack_size = 4;
struct Pack {
  Vec v[pack_size];
  Pack() = default;
  PML_MEMBER Pack(Vec a) {
    PML_UNROLL
    for (size_t i = 0; i < pack_size; ++i) v[i] = a;
  }
};
struct PackMask { Mask m[pack_size]; };

template <class Operation>
PML_INLINE Pack each(Operation operation) {
  Pack result;
  PML_UNROLL
  for (size_t i = 0; i < pack_size; ++i) result.v[i] = operation(i);
  return result;
}
PML_INLINE Pack operator+(const Pack& a, const Pack& b) { return each([&](size_t i) { return a.v[i] + b.v[i]; }); }
PML_INLINE Pack operator-(const Pack& a, const Pack& b) { return each([&](size_t i) { return a.v[i] - b.v[i]; }); }
PML_INLINE Pack operator*(const Pack& a, const Pack& b) { return each([&](size_t i) { return a.v[i] * b.v[i]; }); }
PML_INLINE Pack operator/(const Pack& a, const Pack& b) { return each([&](size_t i) { return a.v[i] / b.v[i]; }); }
PML_INLINE Pack operator-(const Pack& a) { return each([&](size_t i) { return -a.v[i]; }); }
PML_INLINE Pack square_root(const Pack& a) { return each([&](size_t i) { return square_root(a.v[i]); }); }
PML_INLINE Pack fma(const Pack& a, const Pack& b, const Pack& c) {
  return each([&](size_t i) { return fma(a.v[i], b.v[i], c.v[i]); });
}
PML_INLINE Pack fms(const Pack& a, const Pack& b, const Pack& c) {
  return each([&](size_t i) { return fms(a.v[i], b.v[i], c.v[i]); });
}
PML_INLINE Pack fnma(const Pack& a, const Pack& b, const Pack& c) {
  return each([&](size_t i) { return fnma(a.v[i], b.v[i], c.v[i]); });
}
PML_INLINE Pack min(const Pack& a, const Pack& b) { return each([&](size_t i) { return min(a.v[i], b.v[i]); }); }
PML_INLINE Pack max(const Pack& a, const Pack& b) { return each([&](size_t i) { return max(a.v[i], b.v[i]); }); }
PML_INLINE Pack bit_and(const Pack& a, const Pack& b) { return each([&](size_t i) { return bit_and(a.v[i], b.v[i]); }); }
PML_INLINE Pack bit_or(const Pack& a, const Pack& b) { return each([&](size_t i) { return bit_or(a.v[i], b.v[i]); }); }
PML_INLINE Pack bit_xor(const Pack& a, const Pack& b) { return each([&](size_t i) { return bit_xor(a.v[i], b.v[i]); }); }
PML_INLINE Pack shift_left(const Pack& a, int shift) { return each([&](size_t i) { return shift_left(a.v[i], shift); }); }
PML_INLINE Pack shift_right(const Pack& a, int shift) {
  return each([&](size_t i) { return shift_right(a.v[i], shift); });
}
PML_INLINE Pack absolute(const Pack& a) { return each([&](size_t i) { return absolute(a.v[i]); }); }
PML_INLINE Pack with_sign_of(const Pack& a, const Pack& b) {
  return each([&](size_t i) { return with_sign_of(a.v[i], b.v[i]); });
}
PML_INLINE PackMask less(const Pack& a, const Pack& b) {
  PackMask result;
  PML_UNROLL
  for (size_t i = 0; i < pack_size; ++i) result.m[i] = less(a.v[i], b.v[i]);
  return result;
}
PML_INLINE Pack select(const PackMask& m, const Pack& yes, const Pack& no) {
  return each([&](size_t i) { return select(m.m[i], yes.v[i], no.v[i]); });
}
PML_INLINE bool any(const PackMask& m) {
  bool result = false;
  PML_UNROLL
  for (size_t i = 0; i < pack_size; ++i) result = result || any(m.m[i]);
  return result;
}
PML_INLINE Pack load_as(const double* p, const Pack&) { return each([&](size_t i) { return load(p + i * lanes); }); }
PML_INLINE void store(double* p, const Pack& a) {
  PML_UNROLL
  for (size_t i = 0; i < pack_size; ++i) store(p + i * lanes, a.v[i]);
}
constexpr size_t width_of(const Pack&) { return pack_size * lanes; }

PML_INLINE double magnitude(double a) { return a < 0.0 ? -a : a; }

// The following hold for one vector and for several.
template <class V>
PML_INLINE V power_of_two(V biased) { return shift_left(biased, 52); }
template <class V>
PML_INLINE V sign_of(V a) { return bit_and(a, V(set(-0.0))); }

}  // namespace
