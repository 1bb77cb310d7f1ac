#define TC_ISA avx2
#include "optim/cpu/kernels.inl"
