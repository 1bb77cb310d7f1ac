#define TC_ISA avx512
#include "optim/cpu/kernels.inl"
